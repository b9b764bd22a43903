#include "trainer/external_metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>

#include "core/activity.h"
#include "core/errors.h"
#include "core/process.h"
#include "core/text.h"
#include "trainer/validation.h"

namespace broadsheet {
namespace {

constexpr char kExternal[] = "validation.external";
constexpr size_t kLongestName = 64;

UserError bad_answer(const std::string& program, const std::string& what) {
  return {kExternal, cat(kExternal, ": ", printable(program), ": ", what),
          "it reads lines of JSON from stdin and writes one JSON object of numbers to stdout: {\"name\": 0.5}"};
}

bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == '@';
  });
}

// What it answered. Throws what external_metrics() throws.
std::string answer_of(const std::string& program, const ProgramAnswer& answer, double seconds) {
  if (answer.status < 0)
    throw UserError(kExternal, cat(kExternal, ": ", printable(program), ": cannot be started"),
                    "name a program that is there on the first rank's machine and may be executed");
  const auto failed = [&](const std::string& what) {
    const std::string said = answer.last_words();
    return RunError(
        kExternal, cat(kExternal, ": ", printable(program), ": ", what, said.empty() ? "" : cat("; it said: ", said)),
        "run it by itself on the lines of `broadsheet evaluate MODEL --split validation --predictions FILE`");
  };
  if (answer.timed_out) throw failed(cat("took longer than ", human_duration(seconds), " and was ended"));
  if (answer.status > 128) throw failed(cat("was ended by signal ", answer.status - 128));
  if (answer.status != 0) throw failed(cat("ended with exit code ", answer.status));
  if (answer.out.size() >= kMostAnswer) throw bad_answer(program, cat("wrote more than ", human_bytes(kMostAnswer)));
  return answer.out;
}

// On the first rank; what all ranks are told: {"metrics": {...}} or {"code", "exit", "what", "remedy"}.
nlohmann::json outcome_of(const std::string& program, const ProgramAnswer& answer, double seconds) {
  try {
    return {{"metrics", metrics_to_json(read_external_metrics(program, answer_of(program, answer, seconds)))}};
  } catch (const Error& error) {
    const Fault& fault = error.faults().front();
    return {{"code", fault.code},
            {"user", error.exit_code() == ExitCode::kUser},
            {"what", fault.what},
            {"remedy", fault.remedy}};
  }
}

}  // namespace

MetricValues read_external_metrics(const std::string& program, const std::string& answer) {
  const nlohmann::json object = nlohmann::json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    const std::string said = printable(trim(answer), 200);
    throw bad_answer(program, said.empty() ? "wrote nothing" : cat("found ", said, ", wanted one JSON object"));
  }
  MetricValues metrics;
  for (const auto& [name, value] : object.items()) {
    if (!good_name(name))
      throw bad_answer(program, cat("found the name \"", printable(name, 80), "\", wanted letters, digits and ._-@"));
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      throw bad_answer(
          program, cat("found ", printable(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 80),
                       " for ", name, ", wanted a finite number"));
    metrics[cat("external.", name)] = value.get<double>();
  }
  return metrics;
}

MetricValues external_metrics(const std::vector<std::string>& command, const std::string& lines, Communicator& ranks,
                              double seconds) {
  const PhaseScope validating(Phase::kValidation);
  std::future<ProgramAnswer> running;
  if (ranks.first()) {
    running = std::async(std::launch::async, [&] {
      return ask_program(command, {.seconds = seconds, .input = lines, .outside_of_ranks = true});
    });
  }
  for (bool done = false; !done;) {
    const bool ready = !ranks.first() || running.wait_for(std::chrono::seconds(1)) == std::future_status::ready;
    note_progress();
    done = ranks.max(ready ? 0 : 1) == 0;
  }
  const std::string told =
      ranks.broadcast(ranks.first() ? outcome_of(command[0], running.get(), seconds)
                                          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                                    : "",
                      0);
  const nlohmann::json outcome = nlohmann::json::parse(told);
  if (outcome.contains("metrics")) return metrics_from_json(outcome["metrics"]);
  const std::string code = outcome.at("code"), what = outcome.at("what"), remedy = outcome.at("remedy");
  if (outcome.at("user").get<bool>()) throw UserError(code, what, remedy);
  throw RunError(code, what, remedy);
}

}  // namespace broadsheet
