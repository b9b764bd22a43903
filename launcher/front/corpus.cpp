// init, prepare and inspect: from documents to a corpus.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "data/prepare.h"
#include "data/remove_documents.h"
#include "experiments/init.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"
#include "launcher/shared_work.h"

namespace broadsheet {
namespace {

void add_tree(std::string& text, const nlohmann::json& value, const std::string& indent) {
  for (const auto& [key, child] : value.items()) {
    const std::string label = value.is_array() ? indent + "-" : indent + key + ":";
    if (child.is_structured() && !child.empty()) {
      text += label + "\n";
      add_tree(text, child, indent + "  ");
    } else {
      text += label + " " + (child.is_string() ? child.get<std::string>() : child.dump()) + "\n";
    }
  }
}

// "2.5 %"; what is there is never 0.
std::string percent(double share) {
  if (share > 0 && share < 0.0005) return "less than 0.1 %";
  return shortest(std::round(share * 1000) / 10) + " %";
}

// "text: 312 tokens in the median, 980 at most; max_length 128 leaves out 55.1 % of all tokens, 256 21.9 %, ..., 1024
// nothing"
std::string describe_lengths(const std::string& field, const LengthSummary& lengths) {
  std::string text = cat(field, ": ", with_thousands(lengths.median), " tokens in the median, ",
                         with_thousands(lengths.longest), " at most; max_length");
  for (const int64_t max_length : kReportedMaxLengths) {
    const bool first = max_length == kReportedMaxLengths.front();
    text += cat(first ? " " : ", ", max_length, first ? " leaves out " : " ");
    if (lengths.left_out.at(max_length) == 0) return text + "nothing\n";
    text += cat(percent(lengths.share_left_out(max_length)), first ? " of all tokens" : "");
  }
  return text + "\n";
}

}  // namespace

int do_init(const Command& command) {
  InitOptions options;
  options.data = command.positionals[0];
  options.task = command.value("task");
  options.text = command.value("text");
  options.text_pair = command.value("text-pair");
  options.label = command.value("label");
  options.score = command.value("score");
  options.target = command.value("target");
  options.model = command.value("model");
  options.name = command.value("name");
  options.out = command.value("out", ".");
  for (const char* needed : {"task", "model"}) {
    if (!command.has(needed)) {
      throw UserError("usage.missing", cat("broadsheet init: --", needed, " is missing"),
                      "see `broadsheet init --help`");
    }
  }
  const InitFiles files = propose_files(options);
  const std::pair<std::string, const std::string*> written[] = {{options.out + "/corpus.yaml", &files.corpus_yaml},
                                                                {options.out + "/run.yaml", &files.run_yaml}};
  for (const auto& [path, text] : written) {
    if (exists(path) && !command.has("force")) {
      throw UserError("init.exists", cat(path, ": exists already"), "--force overwrites it, --out writes elsewhere");
    }
  }
  if (!command.dry_run) {
    make_folders(options.out);
    for (const auto& [path, text] : written) write_file_durably(path, *text);
  }
  if (command.json) {
    print_json({{"dry_run", command.dry_run}, {"files", {written[0].first, written[1].first}}, {"notes", files.notes}});
    return 0;
  }
  std::string text;
  for (const std::string& note : files.notes) text += note + "\n";
  if (command.dry_run) {
    text += cat("\n--- ", written[0].first, "\n", files.corpus_yaml, "\n--- ", written[1].first, "\n", files.run_yaml);
  } else {
    text += cat("wrote ", written[0].first, " and ", written[1].first, "\nnext: broadsheet prepare ", written[0].first,
                "\n      broadsheet train ", written[1].first, "\n");
  }
  print_text(text);
  return 0;
}

// "3 email, 12 phone"
std::string list_counts(const std::map<std::string, int64_t>& counts) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts) parts.push_back(cat(with_thousands(count), " ", name));
  return join(parts, ", ");
}

// What --append has added, in a line.
std::string describe_added(const nlohmann::json& added) {
  if (added.at("files").empty()) return "nothing to add: no source file is new\n";
  return cat("added: ", with_thousands(added.at("kept").get<int64_t>()), " documents of ",
             with_thousands(static_cast<int64_t>(added.at("files").size())), " new files; ",
             with_thousands(added.at("duplicates").get<int64_t>() + added.value("near_duplicates", int64_t{0})),
             " duplicates dropped, ", with_thousands(added.at("rejected").get<int64_t>()), " lines set aside\n");
}

std::string describe(const PrepareReport& report) {
  std::string text = cat(report.folder, report.already_prepared ? " (prepared already): " : ": ",
                         with_thousands(report.kept), " documents");
  for (const auto& [split, documents] : report.documents_by_split)
    text += cat(", ", with_thousands(documents), " ", split);
  text += cat("; ", with_thousands(report.tokens), " tokens; ", with_thousands(report.duplicates),
              " duplicates dropped, ", with_thousands(report.rejected), " lines set aside\n");
  if (report.near_duplicates > 0) text += cat(with_thousands(report.near_duplicates), " near-duplicates dropped\n");
  if (report.leakage > 0)
    text += cat(with_thousands(report.leakage), " of them because the test or validation split has their like\n");
  if (report.removed > 0) text += cat(with_thousands(report.removed), " documents removed since\n");
  if (!report.filtered_by_reason.empty()) text += cat("dropped: ", list_counts(report.filtered_by_reason), "\n");
  if (!report.cleaned_by_step.empty()) text += cat("cleaned: ", list_counts(report.cleaned_by_step), "\n");
  if (!report.deidentified.empty()) text += cat("replaced: ", list_counts(report.deidentified), "\n");
  for (const auto& [field, lengths] : report.lengths) text += describe_lengths(field, lengths);
  if (!report.added.is_null()) text += describe_added(report.added);
  return text;
}

int show_plan(const Command& command, const CorpusConfig& config) {
  const bool append = command.has("append");
  const AppendPlan plan = append ? plan_append(config) : AppendPlan{corpus_sources(config), 0};
  if (command.json) {
    nlohmann::json answer = {{"dry_run", true}, {"folder", config.output}, {"sources", plan.files}};
    if (append) answer["known"] = plan.known;
    print_json(answer);
  } else if (append && plan.files.empty()) {
    print_text(cat("nothing to add to ", config.output, ": no source file is new\n"));
  } else {
    print_text(cat(append && plan.known > 0 ? "would add to the corpus " : "would prepare the corpus ", config.name,
                   " in ", config.output, " from\n  ", join(plan.files, "\n  "), "\n"));
  }
  return 0;
}

int do_remove(const Command& command, const CorpusConfig& config) {
  if (const auto workers = workers_of_job(); workers && workers->rank > 0) return 0;  // the first does it
  const RemoveReport report = remove_documents(config, read_ids(command.value("remove")),
                                               {.dry_run = command.dry_run, .incarnation = job_incarnation()});
  if (command.json) {
    nlohmann::json answer = report.json();
    if (command.dry_run) answer["dry_run"] = true;
    print_json(answer);
    return 0;
  }
  std::string text = cat(report.folder, command.dry_run ? ": would remove " : ": removed ",
                         with_thousands(report.documents), " documents");
  for (const auto& [split, documents] : report.documents_by_split)
    text += cat(", ", with_thousands(documents), " ", split);
  text += cat("; ", with_thousands(report.shards), " shards written anew\n");
  if (!report.unknown.empty())
    text += cat(with_thousands(static_cast<int64_t>(report.unknown.size())),
                " ids that no document has: ", printable(join(report.unknown, ", "), 1000), "\n");
  print_text(text);
  return 0;
}

void refuse_conflicts(const Command& command) {
  for (const auto& [one, other] : {std::pair("append", "replace"), {"remove", "replace"}, {"remove", "append"}})
    if (command.has(one) && command.has(other))
      throw UserError("usage.conflict", cat("--", one, " and --", other, " exclude each other"), "give one of them");
}

int do_prepare(const Command& command) {
  refuse_conflicts(command);
  const CorpusConfig config = load_corpus_config(command.positionals[0], command.sets);
  if (command.has("remove")) {
    leave_when_told();
    return do_remove(command, config);
  }
  if (command.dry_run) return show_plan(command, config);
  PrepareOptions options;
  options.replace = command.has("replace");
  options.append = command.has("append");
  if (const auto workers = workers_of_job())
    options.task = PrepareOptions::Task{workers->rank, workers->count, workers->start};
  options.incarnation = job_incarnation();
  const auto ranks = command.number("ranks", 1, 1024);
  if (ranks && options.task)
    throw UserError("usage.conflict", "--ranks was given to one of several tasks that share the work already",
                    "leave it out inside srun or mpirun");
  options.ranks = ranks.value_or(static_cast<int64_t>(cores_in_order().size()));
  leave_when_told();
  const PrepareReport report = prepare_corpus(config, options);
  if (options.task && options.task->rank > 0) return 0;
  if (command.json) {
    print_json(report.json());
  } else {
    print_text(describe(report));
  }
  return 0;
}

int do_inspect(const Command& command) {
  const int samples = static_cast<int>(command.number("samples", 0, 1000).value_or(3));
  const nlohmann::json answer = inspect_corpus(absolute_path(command.positionals[0]), samples);
  if (command.json) {
    print_json(answer);
  } else {
    std::string text;
    add_tree(text, answer, "");
    print_text(text);
  }
  return 0;
}

}  // namespace broadsheet
