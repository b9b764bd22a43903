// init, prepare and inspect: from documents to a corpus.
#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "data/prepare.h"
#include "experiments/init.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"

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

}  // namespace

int do_init(const Command& command) {
  InitOptions options;
  options.data = command.positionals[0];
  options.task = command.value("task");
  options.text = command.value("text");
  options.text_pair = command.value("text-pair");
  options.label = command.value("label");
  options.score = command.value("score");
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

int do_prepare(const Command& command) {
  const CorpusConfig config = load_corpus_config(command.positionals[0], command.sets);
  if (command.dry_run) {
    const std::vector<std::string> sources = corpus_sources(config);
    if (command.json) {
      print_json({{"dry_run", true}, {"folder", config.output}, {"sources", sources}});
    } else {
      print_text(cat("would prepare the corpus ", config.name, " in ", config.output, " from\n  ",
                     join(sources, "\n  "), "\n"));
    }
    return 0;
  }
  const PrepareReport report = prepare_corpus(config, command.has("replace"));
  if (command.json) {
    print_json(report.json());
    return 0;
  }
  std::string text = cat(report.folder, report.already_prepared ? " (prepared already): " : ": ",
                         with_thousands(report.kept), " documents");
  for (const auto& [split, documents] : report.documents_by_split)
    text += cat(", ", with_thousands(documents), " ", split);
  text += cat("; ", with_thousands(report.tokens), " tokens; ", with_thousands(report.duplicates),
              " duplicates dropped, ", with_thousands(report.rejected), " lines set aside\n");
  print_text(text);
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
