#include "experiments/init.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "data/field_reader.h"
#include "data/tokenizers/tokenizer.h"
#include "experiments/init_look.h"

namespace broadsheet {
namespace {

constexpr size_t kMaxClasses = 100;
constexpr size_t kShownClasses = 12;

struct Proposal {
  InitOptions options;
  DataLook look;
  std::string id, group, group_pattern, split;  // guessed columns
  std::map<std::string, int64_t> classes;
  int64_t max_length = 128, median = 0, p99 = 0, longest = 0;
  int64_t max_new_tokens = 8;  // generation
  int64_t max_positions = 0;   // of the model; 0: unknown
  int64_t hidden_size = 0;     // likewise
};

// A YAML scalar: plain where that is safe, else double-quoted, whose escapes are JSON's.
std::string yaml(const std::string& text) {
  static const std::set<std::string> kReserved = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto plain = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c == '/' || c == '-'; };
  const bool safe = !text.empty() &&
                    (std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '_' || text[0] == '/') &&
                    kReserved.count(lower) == 0 && std::all_of(text.begin(), text.end(), plain);
  return safe ? text : nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string yaml_list(const std::vector<std::string>& items) {
  std::vector<std::string> quoted;
  for (const std::string& item : items) quoted.push_back(yaml(item));
  return "[" + join(quoted, ", ") + "]";
}

// `text` as the end of a comment: one line, whatever it holds.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  if (text.size() <= 40) return text;
  size_t end = 40;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string relative_to(const std::string& path, const std::string& folder) {
  const std::filesystem::path absolute = absolute_path(path), from = absolute_path(folder);
  const std::string relative = absolute.lexically_relative(from).string();
  return relative.empty() || starts_with(relative, "../../../") ? absolute.string() : relative;
}

std::string name_from(const InitOptions& options) {
  std::string name = options.name.empty() ? file_name(options.data) : options.name;
  if (options.name.empty()) name = name.substr(0, name.find('.'));
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') c = '-';
  name = name.substr(0, 64);
  return name.empty() || name[0] == '.' ? "corpus" : name;
}

bool is_language_model(const InitOptions& options) {
  return options.task == "masked_lm" || options.task == "causal_lm";
}

void check_options(const InitOptions& options) {
  Faults faults;
  const auto missing = [&](const char* flag, const char* what) {
    faults.add({"init.missing_option", {}, "", cat("--", flag, " is missing: ", what), cat("pass --", flag, " …")});
  };
  if (options.task == "classification") {
    if (options.label.empty()) missing("label", "the column that holds the class");
  } else if (options.task == "regression") {
    if (options.score.empty()) missing("score", "the column that holds the number");
  } else if (options.task == "generation") {
    if (options.target.empty()) missing("target", "the column that holds the text to write");
  } else if (!is_language_model(options)) {
    const std::string near =
        nearest(options.task, {"classification", "regression", "generation", "masked_lm", "causal_lm"});
    faults.add({"init.task",
                {},
                "",
                cat("--task ", options.task.empty() ? "is missing" : options.task + " is unknown"),
                cat("use classification, regression, generation, masked_lm or causal_lm",
                    near.empty() ? "" : cat("; did you mean ", near, "?"))});
  }
  if (options.model.empty())
    missing("model", "the Hugging Face folder to start from");
  else if (!std::filesystem::is_directory(options.model))
    faults.add(
        {"init.no_model",
         {},
         "",
         cat("--model ", options.model, ": no such folder"),
         "name a folder with config.json, model.safetensors and tokenizer.json (or vocab.txt); a model's files can "
         "be downloaded from where it is published"});
  faults.throw_if_any();
}

bool is_one_of(const std::string& column, const std::set<std::string>& names) {
  std::string lower = column;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return names.count(lower) > 0;
}

bool taken(const InitOptions& options, const std::string& column) {
  return column == options.text || column == options.text_pair || column == options.label || column == options.score ||
         column == options.target;
}

// Names alone prove nothing: an id must be unique, a group must repeat, a split must name splits.
void guess_columns(Proposal& proposal) {
  static const std::set<std::string> kIds = {"id", "guid", "uuid", "key", "url", "link", "doc_id", "column_1"};
  static const std::set<std::string> kGroups = {"article", "article_id", "articleid",   "story", "story_id",
                                                "doc_id",  "document",   "document_id", "group", "group_id",
                                                "thread",  "thread_id",  "url"};
  static const std::set<std::string> kSplits = {"split", "set", "fold", "part", "partition", "subset"};
  const size_t records = proposal.look.documents.size();
  for (const std::string& column : proposal.look.columns) {
    if (taken(proposal.options, column)) continue;
    const std::vector<std::string> values = proposal.look.values(column);
    const std::set<std::string> distinct(values.begin(), values.end());
    if (values.size() != records || distinct.count("") > 0) continue;
    if (proposal.id.empty() && is_one_of(column, kIds) && distinct.size() == records) proposal.id = column;
    if (proposal.group.empty() && is_one_of(column, kGroups) && distinct.size() < records && distinct.size() > 2)
      proposal.group = column;
    const auto is_split = [](const std::string& value) {
      return is_one_of(value, {"train", "training", "validation", "valid", "val", "dev", "test", "testing"});
    };
    if (proposal.split.empty() && is_one_of(column, kSplits) && std::all_of(distinct.begin(), distinct.end(), is_split))
      proposal.split = column;
  }
  if (!proposal.group.empty() || proposal.id.empty()) return;
  // "12_3": sentence 3 of article 12.
  const std::string pattern = "^(.+)[_-][0-9]+$";
  const std::regex sentence_of(pattern);
  std::set<std::string> prefixes;
  size_t matches = 0;
  for (const std::string& value : proposal.look.values(proposal.id)) {
    std::smatch match;
    if (value.size() > 200 || !std::regex_match(value, match, sentence_of)) continue;
    ++matches;
    prefixes.insert(match[1].str());
  }
  if (matches == records && prefixes.size() > 2 && prefixes.size() * 10 < records * 7) {
    proposal.group = proposal.id;
    proposal.group_pattern = pattern;
  }
}

void look_at_labels(Proposal& proposal) {
  const InitOptions& options = proposal.options;
  if (options.task == "classification") {
    for (const std::string& value : proposal.look.values(options.label))
      if (!trim(value).empty()) ++proposal.classes[std::string(trim(value))];
    const std::string where = cat(options.data, ": column '", options.label, "'");
    if (proposal.classes.empty() || (proposal.classes.size() < 2 && proposal.look.whole_file))
      throw UserError("init.label", cat(where, " holds ", proposal.classes.size(), " different values"),
                      "a classification needs two classes at least");
    if (proposal.classes.size() > kMaxClasses)
      throw UserError("init.label",
                      cat(where, " holds ", proposal.classes.size(), " different values in the first ",
                          proposal.look.documents.size(), " records"),
                      "a label names one of a few classes; for a number use --task regression --score");
  }
  if (options.task == "regression") {
    const std::vector<std::string> values = proposal.look.values(options.score);
    const auto good = std::count_if(values.begin(), values.end(),
                                    [](const std::string& value) { return parse_number(value).has_value(); });
    if (static_cast<size_t>(good) * 10 < values.size() * 9)
      throw UserError("init.score",
                      cat(options.data, ": column '", options.score, "' holds a number in ", good, " of ",
                          values.size(), " records"),
                      "name a column of numbers, or use --task classification --label");
  }
}

void look_at_lengths(Proposal& proposal) {
  const InitOptions& options = proposal.options;
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(options.model);
  std::vector<int64_t> lengths, targets;
  for (const Document& document : proposal.look.documents) {
    const auto tokens_of = [&](const std::string& column) {
      const auto value = document.values.find(column);
      return value == document.values.end() ? 0 : static_cast<int64_t>(tokenizer->encode(value->second).size());
    };
    targets.push_back(tokens_of(options.target) + 1);
    lengths.push_back(tokens_of(options.text) + tokens_of(options.text_pair) + targets.back() +
                      (options.text_pair.empty() ? 1 : 2));
  }
  std::sort(lengths.begin(), lengths.end());
  proposal.median = lengths[lengths.size() / 2];
  proposal.p99 = lengths[(lengths.size() - 1) * 99 / 100];
  proposal.longest = lengths.back();
  try {
    const nlohmann::json config = nlohmann::json::parse(read_file(options.model + "/config.json", 1 << 20));
    proposal.max_positions = config.value("max_position_embeddings", config.value("n_positions", int64_t{0}));
    proposal.hidden_size = config.value("hidden_size", config.value("n_embd", int64_t{0}));
  } catch (const std::exception&) {
    proposal.max_positions = 0;  // `check` says what is wrong with the model
  }
  std::sort(targets.begin(), targets.end());
  while (proposal.max_new_tokens < targets[(targets.size() - 1) * 99 / 100]) proposal.max_new_tokens *= 2;
  proposal.max_length = options.task == "generation" ? std::max<int64_t>(16, 2 * proposal.max_new_tokens) : 16;
  while (proposal.max_length < proposal.p99 && proposal.max_length < 512) proposal.max_length *= 2;
  if (proposal.max_positions > 3) proposal.max_length = std::min(proposal.max_length, proposal.max_positions);
}

std::string describe_classes(const Proposal& proposal) {
  std::vector<std::pair<int64_t, std::string>> ordered;
  for (const auto& [name, count] : proposal.classes) ordered.emplace_back(-count, name);
  std::sort(ordered.begin(), ordered.end());
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(ordered.size(), kShownClasses); ++i)
    shown.push_back(cat(one_line(ordered[i].second), " (", -ordered[i].first, ")"));
  if (ordered.size() > kShownClasses) shown.push_back(cat("and ", ordered.size() - kShownClasses, " more"));
  return join(shown, ", ");
}

std::string looked_at(const Proposal& proposal) {
  const size_t count = proposal.look.documents.size();
  return proposal.look.whole_file ? cat("all ", count, " records") : cat("the first ", count, " records");
}

std::string field_line(const std::string& name, const std::string& from, const std::string& kind,
                       const std::string& more, const std::string& comment) {
  std::string line = cat("  ", name, ": {from: ", yaml(from), ", kind: ", kind, more, "}");
  if (!comment.empty()) line += cat("  # ", comment);
  return line + "\n";
}

std::string corpus_text(const Proposal& proposal, const std::string& name) {
  const InitOptions& options = proposal.options;
  const DataLook& look = proposal.look;
  std::string text =
      cat("# Made by `broadsheet init` from ", looked_at(proposal), " of ", one_line(file_name(options.data)), ".\n",
          "# Next: broadsheet prepare corpus.yaml\n", "schema: 1\nkind: corpus\n", "name: ", yaml(name), "\n",
          "output: ", yaml("corpora/" + name), "          # the folder that prepare makes\n",
          "tokenizer: ", yaml(relative_to(options.model, options.out)),
          "   # a folder with tokenizer.json, vocab.txt, vocab.json or *.tiktoken\n",
          "sources:\n  - files: ", yaml(relative_to(options.data, options.out)),
          "   # a name, a pattern such as data/*.csv, or a list\n", "    format: ", look.format, "\n");
  if (look.encoding != "utf-8") text += cat("    encoding: ", look.encoding, "\n");
  if (look.format == "csv" || look.format == "tsv") {
    text += cat("    header: ", look.header ? "true" : "false", "\n");
    if (!look.header) text += cat("    columns: ", yaml_list(look.columns), "\n");
  }
  text +=
      "    # licence: …                  under which you may use the texts; goes into the corpus's manifest\n"
      "    # origin: …                   where they come from\n"
      "fields:                         # name: {from: column or key, kind: …}\n";
  text += field_line("text", options.text, "text", "", "");
  if (!options.text_pair.empty()) text += field_line("text_pair", options.text_pair, "text", "", "");
  if (options.task == "classification")
    text += field_line("label", options.label, "label", "", cat("found: ", describe_classes(proposal)));
  if (options.task == "regression") text += field_line("score", options.score, "score", "", "");
  if (options.task == "generation") text += field_line("target", options.target, "text", "", "");
  if (!proposal.id.empty()) text += field_line("id", proposal.id, "id", "", "unique in what was looked at");
  if (!proposal.group.empty())
    text += field_line(
        "group", proposal.group, "group",
        proposal.group_pattern.empty() ? "" : cat(", pattern: ", nlohmann::json(proposal.group_pattern).dump()),
        "records of one group stay in one split");
  if (!proposal.split.empty())
    text += field_line("split", proposal.split, "split", "", "names train, validation or test");
  if (!proposal.split.empty())
    text += "split: {by: field, field: split}\n";
  else if (!proposal.group.empty())
    text += "split: {by: group, field: group, validation: 0.1, test: 0.1, seed: 1}\n";
  else
    text +=
        "split: {by: hash, validation: 0.1, test: 0.1, seed: 1}   # if texts come from one article each, split by: "
        "group\n";
  text +=
      "clean: {exact_duplicates: true} # drops texts that came before\n"
      "max_rejected_share: 0.01        # prepare stops when more of the records are unusable\n";
  return text;
}

std::string run_text(const Proposal& proposal, const std::string& name) {
  const InitOptions& options = proposal.options;
  std::string task = cat("{kind: ", options.task, ", text: text");
  if (!options.text_pair.empty()) task += ", text_pair: text_pair";
  if (options.task == "classification") task += ", label: label";
  if (options.task == "regression") task += ", score: score";
  const bool generation = options.task == "generation";
  if (generation)
    task = cat("{kind: generation, prompt: \"{text}\\n\", target: target, max_new_tokens: ",
               std::min(proposal.max_new_tokens, proposal.max_length / 2));
  const bool mlm = is_language_model(options) || generation;
  // Rules of thumb: enough updates to learn from little text; small models want, and bear, larger steps.
  const bool small_data = proposal.look.whole_file;
  const bool small_model = proposal.hidden_size > 0 && proposal.hidden_size <= 512;
  const char* metric = mlm ? "loss" : options.task == "regression" ? "mse" : "macro_f1";
  return cat("# Made by `broadsheet init`. Next: broadsheet check run.yaml, then broadsheet train run.yaml\n",
             "schema: 1\nkind: run\n", "name: ", yaml(name + "-" + options.task), "\n",
             "seed: 1                          # everything random follows from it\n",
             "runs_dir: runs                   # the run's folder is runs/<name>\n",
             "model: {from: ", yaml(relative_to(options.model, options.out)), "}\n",
             "freeze: none                     # or all_but_head, or {embeddings: true, layers: 4}: faster, often a "
             "little worse\n",
             "task: ", task, "}   # fields of corpus.yaml\n", "data:\n  corpus: ", yaml("corpora/" + name), "\n",
             "  max_length: ", proposal.max_length, "               # tokens with special tokens; found: median ",
             proposal.median, ", 99 % at most ", proposal.p99, ", longest ", proposal.longest, "\n",
             "train:\n  num_train_epochs: ", small_data ? 8 : 3, "\n", "  global_batch_size: ", small_data ? 16 : 32,
             "          # examples per update, over all ranks\n", "  learning_rate: ",
             small_model ? "1.5e-4"
             : mlm       ? "5e-5"
                         : "3e-5",
             "\n", "  weight_decay: 0.01\n  lr_scheduler_type: linear\n",
             "  warmup_steps: 0.1              # below 1: a share of all steps\n",
             "validation:\n  every_epochs: ", small_data ? "1" : "0.5", "\n  metric: ", metric, "\n",
             "  early_stopping: {patience: 3, min_delta: 0.001}\n",
             "launch: {ranks: 1, threads_per_rank: 1}   # ranks share the work; one per core is a good start\n");
}

std::vector<std::string> notes_of(const Proposal& proposal) {
  const DataLook& look = proposal.look;
  std::vector<std::string> notes = {
      cat(looked_at(proposal), ", read as ", look.format,
          look.format == "csv" || look.format == "tsv" ? (look.header ? " with a header" : " without a header") : "")};
  if (!proposal.classes.empty()) notes.push_back(cat("classes: ", describe_classes(proposal)));
  notes.push_back(cat("tokens per record: median ", proposal.median, ", 99 % at most ", proposal.p99, "; max_length ",
                      proposal.max_length));
  if (!proposal.group.empty()) notes.push_back(cat("records of one '", proposal.group, "' stay in one split"));
  if (proposal.classes.size() == 1) notes.push_back("only one class was seen: is the file sorted by it?");
  if (look.rejected > 0) notes.push_back(cat(look.rejected, " unusable records, the first at ", look.first_reject));
  return notes;
}

}  // namespace

InitFiles propose_files(const InitOptions& options) {
  check_options(options);
  Proposal proposal;
  proposal.options = options;
  if (proposal.options.text.empty()) proposal.options.text = "text";
  std::vector<std::string> asked;
  for (const std::string& column :
       {proposal.options.text, options.text_pair, options.label, options.score, options.target})
    if (!column.empty()) asked.push_back(column);
  proposal.look = look_at(options.data, asked);
  look_at_labels(proposal);
  guess_columns(proposal);
  look_at_lengths(proposal);
  const std::string name = name_from(options);
  return {corpus_text(proposal, name), run_text(proposal, name), notes_of(proposal)};
}

}  // namespace broadsheet
