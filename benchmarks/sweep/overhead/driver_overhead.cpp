// What the sweep's driver does for one trial once so many are known: the driver's own parts, in its order, on a real
// sweep file, a real journal and real mailboxes; only the worker is missing. See README.md.
//
//   driver_overhead past SWEEP.yaml TRIALS FOLDER         writes the journal of so many finished trials
//   driver_overhead measure SWEEP.yaml TRIALS FOLDER      one JSON line; a process of its own, for its memory
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "experiments/sweep/journal.h"
#include "experiments/sweep/mailbox.h"
#include "experiments/sweep/study.h"
#include "experiments/sweep/sweep_config.h"

namespace broadsheet {
namespace {

using Events = std::vector<nlohmann::json>;
constexpr int64_t kMeasured = 50;
constexpr int64_t kSteps = 243;

double milliseconds() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double resident_bytes() {
  int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// Smooth in every parameter, as scores are.
double score_of(const Assignment& parameters) {
  const double rate = std::log10(parameters.at("train.learning_rate").get<double>());
  const double dropout = parameters.at("train.dropout").get<double>();
  return 0.6 - 0.1 * (rate + 3.8) * (rate + 3.8) - dropout * dropout;
}

nlohmann::json leg_event(int64_t trial) {
  return {{"event", "leg"}, {"trial", trial}, {"leg", 1}, {"worker", "w0001"}, {"time", 1.0}};
}

nlohmann::json end_event(int64_t trial, double value) {
  return {{"event", "end"}, {"trial", trial},   {"leg", 1},   {"state", "done"}, {"step", kSteps},
          {"value", value}, {"seconds", 30.25}, {"cores", 1}, {"time", 1.0}};
}

// A past of `trials` drawn at random, as journal lines.
void write_past(const std::string& file, int64_t trials, const std::string& folder) {
  Sweep random = load_sweep(file, {{"trials", std::to_string(trials + kMeasured)}});
  random.config.method = "random";
  Study study(random);
  Journal journal = Journal::open(folder, [](const nlohmann::json&) {});
  Events all(1, nlohmann::json{{"event", "begin"}, {"max_resource", kSteps}});
  study.apply(all.front());
  for (int64_t number = 0; number < trials; ++number) {
    Events events = study.suggest();
    events.push_back(leg_event(number));
    events.push_back(end_event(number, score_of(events.front().at("parameters").get<Assignment>())));
    for (const nlohmann::json& event : events) study.apply(event);
    all.insert(all.end(), events.begin(), events.end());
  }
  journal.append(all);
}

struct Cost {
  double decision = 0;  // ask, journal with its sync, apply, tell
  double whole = 0;     // with the trial's configuration, its folder, its task, its leg's file, what is kept
  double sync = 0;      // the journal's share of the decision
};

// `unwritten`: as the driver's (launcher/sweep/driver.h): the end of the trial before goes to the disk with the
// suggestion and the leg that follow it, before the worker is told.
Cost one_trial(const Sweep& sweep, Study& study, Journal& journal, const std::string& folder, Events& unwritten) {
  Cost cost;
  const auto record = [&](const Events& events) {
    for (const nlohmann::json& event : events) study.apply(event);
    unwritten.insert(unwritten.end(), events.begin(), events.end());
  };
  const double begin = milliseconds();
  BROADSHEET_ASSERT(study.next().kind == Work::Kind::kSuggest);
  record(study.suggest());
  const int64_t number = study.next().trial;
  record(Events(1, leg_event(number)));
  const double written = milliseconds();
  journal.append(unwritten);
  unwritten.clear();
  const double asked = milliseconds();
  cost.sync = asked - written;

  const Trial& trial = study.trial(number);
  const std::string its_folder = trial_folder(folder, number);
  TrialTask task;
  task.sequence = number + 1;
  task.trial = number;
  task.folder = its_folder;
  make_folders(its_folder);
  task.config = to_yaml(trial_config(sweep, trial.parameters, trial.repeat, its_folder));
  task.model_above = study.kth_best(1);
  write_task(worker_folder(folder, "w0001"), task);
  const double given = milliseconds();

  LegRecord leg;  // the worker's part, not counted
  leg.state = LegRecord::State::kDone;
  leg.step = kSteps;
  leg.value = score_of(trial.parameters);
  write_leg(its_folder, 1, leg);
  const double trained = milliseconds();

  const std::optional<LegRecord> read = read_leg(its_folder, 1);
  const double seen = milliseconds();
  record(Events(1, end_event(number, read.value().value.value())));
  const double told = milliseconds();
  const std::vector<int64_t> kept = study.kept();
  BROADSHEET_ASSERT(!kept.empty() && study.everything_ended());
  const double end = milliseconds();
  cost.decision = asked - begin + told - seen;
  cost.whole = end - begin - (trained - given);
  return cost;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void measure(const std::string& file, int64_t trials, const std::string& folder) {
  const Sweep sweep = load_sweep(file, {{"trials", std::to_string(trials + kMeasured)}});
  make_folders(worker_folder(folder, "w0001"));
  const double begin = milliseconds();
  Study study(sweep);
  Journal journal = Journal::open(folder + "/journal", [&](const nlohmann::json& event) { study.apply(event); });
  const double read = milliseconds() - begin;
  std::vector<double> decisions, wholes, syncs, searches;
  Events unwritten;
  for (int64_t i = 0; i < kMeasured; ++i) {
    const Cost cost = one_trial(sweep, study, journal, folder, unwritten);
    decisions.push_back(cost.decision);
    wholes.push_back(cost.whole);
    syncs.push_back(cost.sync);
    searches.push_back(cost.decision - cost.sync);
  }
  const double looked = milliseconds();
  const SweepView view = study.view(folder);
  const double look = milliseconds() - looked;
  std::cout << nlohmann::json{{"side", "broadsheet"},
                              {"trials", trials},
                              {"milliseconds", median(decisions)},
                              {"whole", median(wholes)},
                              {"start", read},
                              {"look", look},
                              {"sync", median(syncs)},
                              {"search", median(searches)},
                              {"resident", resident_bytes()}}
            << "\n";
}

}  // namespace
}  // namespace broadsheet

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() != 4 || (words[0] != "past" && words[0] != "measure")) {
    std::cerr << "driver_overhead past|measure SWEEP.yaml TRIALS FOLDER\n";
    return 2;
  }
  try {
    if (words[0] == "past") {
      broadsheet::write_past(words[1], std::stoll(words[2]), words[3] + "/journal");
    } else {
      broadsheet::measure(words[1], std::stoll(words[2]), words[3]);
    }
  } catch (const broadsheet::Error& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
