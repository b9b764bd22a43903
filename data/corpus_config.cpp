#include "data/corpus_config.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <stdexcept>

#include "core/text.h"
#include "data/cleaning/identifiers.h"
#include "data/cleaning/language.h"
#include "data/corpus_tables.h"
#include "data/field_reader.h"
#include "data/field_template.h"
#include "data/importers/importer.h"
#include "data/mixture.h"

namespace broadsheet {
namespace {

const std::vector<std::pair<std::string, FieldKind>>& kinds() {
  static const std::vector<std::pair<std::string, FieldKind>> all = {
      {"id", FieldKind::kId},         {"text", FieldKind::kText},     {"label", FieldKind::kLabel},
      {"score", FieldKind::kScore},   {"number", FieldKind::kNumber}, {"category", FieldKind::kCategory},
      {"group", FieldKind::kGroup},   {"time", FieldKind::kTime},     {"split", FieldKind::kSplit},
      {"labels", FieldKind::kLabels}, {"tags", FieldKind::kTags},     {"list", FieldKind::kList}};
  return all;
}

bool is_folder(const std::string& path) {
  std::error_code error;  // a name that is none
  return std::filesystem::is_directory(path, error);
}

void check_source(const SourceConfig& source, const std::string& prefix, ConfigReader& reader) {
  const std::string columns = join_key(prefix, "columns"), header = join_key(prefix, "header");
  if (reader.at_fault(join_key(prefix, "format")) || reader.at_fault(header)) return;
  std::string format = source.format;
  if (format.empty() && !source.files.empty()) format = format_of(source.files.front());
  // Of folders and archives each file tells its own.
  const bool several =
      !source.files.empty() && (may_be_archive(source.files.front()) || is_folder(source.files.front()));
  if (format.empty() && !source.files.empty() && !several) {
    reader.fault(join_key(prefix, "format"), "config.required",
                 cat("missing, and the name of ", source.files.front(), " does not tell it"),
                 "add format: jsonl, csv, tsv, text, document or html");
  }
  const bool table = format == "csv" || format == "tsv";
  if (source.boilerplate && format != "html" && !several) {
    reader.fault(join_key(prefix, "boilerplate"), "config.conflict", cat("only html has it, found format: ", format),
                 "remove it");
  }
  if (!table && !format.empty()) {
    for (const std::string& key : {columns, header}) {
      if (reader.given(key) == nullptr || (key == header && source.header)) continue;
      reader.fault(key, "config.conflict", cat("only csv and tsv have it, found format: ", format), "remove it");
    }
  } else if (table && !source.header && source.columns.empty()) {
    reader.fault(columns, "config.required", "missing, wanted the columns' names because header is false",
                 "add columns: [first, second] in the order of the file");
  } else if (table && source.header && !source.columns.empty()) {
    reader.fault(columns, "config.conflict", "found columns although header is true",
                 "add header: false, or remove columns and use the names of the first line");
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < source.columns.size(); ++i) {
    if (seen.insert(source.columns[i]).second) continue;
    reader.fault(cat(columns, "[", i, "]"), "config.conflict", cat("found ", source.columns[i], " twice"),
                 "name each column once");
  }
}

void check_bins(const FieldConfig& field, const std::string& key, ConfigReader& reader) {
  std::vector<std::pair<std::pair<double, double>, std::string>> bins;
  for (const auto& [name, bin] : field.bins) bins.emplace_back(bin, name);
  std::sort(bins.begin(), bins.end());
  for (size_t i = 1; i < bins.size(); ++i) {
    if (bins[i].first.first >= bins[i - 1].first.second) continue;
    reader.fault(
        join_key(key, bins[i].second), "config.conflict",
        cat("[", shortest(bins[i].first.first), ", ", shortest(bins[i].first.second), "] overlaps ", bins[i - 1].second,
            " [", shortest(bins[i - 1].first.first), ", ", shortest(bins[i - 1].first.second), "]"),
        "a number must fall into one bin; the low end belongs to it, the high end to the next");
  }
  if (bins.size() == 1) {
    reader.fault(key, "config.range", "found one bin, wanted two or more", "a single class teaches nothing");
  }
}

void check_template(const FieldConfig& field, const std::string& prefix, ConfigReader& reader) {
  const std::string key = join_key(prefix, "template");
  if (field.text_template.empty() || reader.at_fault(key)) return;
  if (field.kind != FieldKind::kText && field.kind != FieldKind::kId && field.kind != FieldKind::kGroup &&
      field.kind != FieldKind::kCategory)
    reader.fault(key, "config.conflict", "only kinds text, id, group and category have a template",
                 "remove it or change the kind");
  if (!field.from.empty())
    reader.fault(key, "config.conflict", cat("found both a template and from: ", field.from),
                 "keep one: the template names its columns itself");
  try {
    const FieldTemplate parsed(field.text_template);
  } catch (const std::invalid_argument& error) {
    reader.fault(key, "config.type", cat("found a template that cannot be read: ", error.what()),
                 "write columns in braces, such as \"{title}\\n\\n{body}\", and {{ for a brace itself");
  }
}

void check_field(const FieldConfig& field, const std::string& prefix, ConfigReader& reader) {
  if (reader.at_fault(join_key(prefix, "kind"))) return;
  check_template(field, prefix, reader);
  const bool label = field.kind == FieldKind::kLabel;
  const std::string pattern = join_key(prefix, "pattern"), values = join_key(prefix, "values"),
                    bins = join_key(prefix, "bins");
  if (!field.pattern.empty() && field.kind != FieldKind::kGroup && field.kind != FieldKind::kId) {
    reader.fault(pattern, "config.conflict", "only kinds group and id have a pattern", "remove it or change the kind");
  } else if (!field.pattern.empty()) {
    try {
      const std::regex compiled(field.pattern.substr(0, 1000), std::regex::ECMAScript);
      if (field.pattern.size() > 1000) {
        reader.fault(pattern, "config.range", "the pattern is longer than 1000 characters", "write a shorter one");
      }
    } catch (const std::regex_error& error) {
      reader.fault(pattern, "config.type", cat("found a regular expression that does not compile (", error.what(), ")"),
                   "correct it; the dialect is ECMAScript (JavaScript)");
    }
  }
  if (!has_classes(field.kind) && !field.values.empty())
    reader.fault(values, "config.conflict", "only kinds label, labels and tags have values", "remove it");
  if (!is_list_kind(field.kind) && !field.separator.empty())
    reader.fault(join_key(prefix, "separator"), "config.conflict", "only kinds labels, tags and list have a separator",
                 "remove it");
  if (!label && !field.bins.empty()) reader.fault(bins, "config.conflict", "only kind label has bins", "remove it");
  if (!field.values.empty() && !field.bins.empty()) {
    reader.fault(values, "config.conflict", "found both values and bins", "keep one: the bins' names are the classes");
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < field.values.size(); ++i) {
    if (seen.insert(field.values[i]).second) continue;
    reader.fault(cat(values, "[", i, "]"), "config.conflict", cat("found ", field.values[i], " twice"),
                 "list each class once");
  }
  check_bins(field, bins, reader);
}

void check_split(const SplitConfig& split, const std::string& prefix, ConfigReader& reader) {
  const std::string field = join_key(prefix, "field");
  if (reader.at_fault(join_key(prefix, "by"))) return;
  const bool named = split.by != "hash";
  if (named && split.field.empty()) {
    reader.fault(field, "config.required",
                 cat("missing, wanted the name of the field that by: ", split.by, " splits by"),
                 "add field: NAME of a field under fields");
  }
  if (!named && !split.field.empty()) {
    reader.fault(field, "config.conflict", cat("by: ", split.by, " uses no field"),
                 "remove it, or write by: group, time, stratified or field");
  }
  if (split.by == "field") {
    for (const char* name : {"validation", "test", "seed"}) {
      const std::string key = join_key(prefix, name);
      const ConfigNode* node = reader.given(key);
      const bool resolved_default = name == std::string("seed")   ? split.seed == SplitConfig{}.seed
                                    : name == std::string("test") ? split.test == SplitConfig{}.test
                                                                  : split.validation == SplitConfig{}.validation;
      if (node == nullptr || resolved_default) continue;
      reader.fault(key, "config.conflict", "by: field takes the splits as the data names them", "remove it");
    }
  }
  const bool shares = !reader.at_fault(join_key(prefix, "validation")) && !reader.at_fault(join_key(prefix, "test"));
  if (shares && split.validation + split.test >= 1) {
    reader.fault(join_key(prefix, "test"), "config.range",
                 cat("validation ", shortest(split.validation), " and test ", shortest(split.test),
                     " leave nothing to train on"),
                 "choose shares whose sum is below 1");
  }
}

void check_deidentify(const DeidentifyConfig& config, const std::string& prefix, ConfigReader& reader) {
  const std::vector<std::string> known(kIdentifierNames.begin(), kIdentifierNames.end());
  bool pseudonym = config.policy == DeidentifyPolicy::kPseudonym;
  for (const auto& [kind, policy] : config.kinds) {
    pseudonym = pseudonym || policy == DeidentifyPolicy::kPseudonym;
    if (std::find(known.begin(), known.end(), kind) != known.end()) continue;
    const std::string near = nearest(kind, known);
    reader.fault(join_key(join_key(prefix, "kinds"), kind), "config.choice", cat("found the kind ", kind),
                 near.empty() ? cat("the kinds are ", join(known, ", ")) : cat("did you mean ", near, "?"));
  }
  const std::string key = join_key(prefix, "key"), kinds = join_key(prefix, "kinds");
  if (reader.at_fault(kinds) || reader.at_fault(join_key(prefix, "policy")) || reader.at_fault(key)) return;
  if (pseudonym && config.key.empty())
    reader.fault(key, "config.required", "missing, wanted the file of the key that pseudonyms are made with",
                 "add key: FILE, outside the corpus and with mode 600");
  if (!pseudonym && !config.key.empty())
    reader.fault(key, "config.conflict", "only the policy pseudonym has a key",
                 "remove it, or write policy: pseudonym");
  if (config.kinds.count("name") > 0 && config.name_list.empty())
    reader.fault(join_key(kinds, "name"), "config.conflict", "no names are looked for",
                 "add name_list: FILE, or remove it");
}

void check_clean(const CleanConfig& clean, const std::string& prefix, ConfigReader& reader) {
  const std::string quality = join_key(prefix, "quality"), leakage = join_key(prefix, "leakage");
  std::set<std::string> seen;
  for (size_t i = 0; i < clean.quality.size() && !reader.at_fault(quality); ++i) {
    const std::string& name = clean.quality[i];
    if (seen.insert(name).second && (name != "none" || clean.quality.size() == 1)) continue;
    reader.fault(quality, "config.conflict", cat("found ", name, name == "none" ? " beside others" : " twice"),
                 "name each corpus whose rules are wanted once");
  }
  for (size_t i = 0; i < clean.languages.size(); ++i) {
    const std::string key = cat(join_key(prefix, "languages"), "[", i, "]");
    if (is_language(clean.languages[i]) || reader.at_fault(key)) continue;
    reader.fault(key, "config.choice", cat("found ", clean.languages[i], ", which is no language that is told apart"),
                 "write codes of ISO 639-1, such as en, zh or de");
  }
  if (clean.leakage != "earliest" && !clean.exact_duplicates && clean.near_duplicates == 0 && !reader.at_fault(leakage))
    reader.fault(leakage, "config.conflict", "no duplicates are looked for",
                 "write exact_duplicates: true or near_duplicates: 0.8, or remove it");
  if (const std::string key = join_key(prefix, "repeated_lines"); clean.repeated_lines == 1 && !reader.at_fault(key))
    reader.fault(key, "config.range", "found 1, which would take every line away",
                 "write how many documents make a line boilerplate, 2 or more, or 0");
  const std::string low = join_key(prefix, "min_words"), high = join_key(prefix, "max_words");
  if (reader.at_fault(low) || reader.at_fault(high) || clean.max_words == 0 || clean.min_words <= clean.max_words)
    return;
  reader.fault(high, "config.range", cat("found ", clean.max_words, ", which is below min_words: ", clean.min_words),
               "choose limits that leave something");
}

bool is_field_name(const std::string& name) {
  static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !name.empty() && name.size() <= 64 && name.find_first_not_of(kLetters) == std::string::npos;
}

void check_deidentified_fields(const CorpusConfig& config, const std::string& prefix, ConfigReader& reader) {
  const std::string key = join_key(prefix, "deidentify.fields");
  if (!config.deidentify || reader.at_fault(key) || reader.at_fault(join_key(prefix, "fields"))) return;
  for (size_t i = 0; i < config.deidentify->fields.size(); ++i) {
    const std::string& name = config.deidentify->fields[i];
    const auto found = config.fields.find(name);
    const FieldKind kind = found == config.fields.end() ? FieldKind::kScore : found->second.kind;
    if (kind == FieldKind::kText || kind == FieldKind::kId || kind == FieldKind::kGroup || kind == FieldKind::kCategory)
      continue;
    reader.fault(cat(key, "[", i, "]"), "config.choice",
                 cat("found ", name, ", which is no field of kind text, id, group or category"),
                 "name one of those under fields");
  }
}

void check_weights(const CorpusConfig& config, const std::string& prefix, ConfigReader& reader) {
  const std::string sources = join_key(prefix, "sources");
  const auto key = [&](size_t i) { return cat(sources, "[", i, "].weight"); };
  std::vector<double> weights;
  std::optional<size_t> without;
  bool places = true;
  for (size_t i = 0; i < config.sources.size(); ++i) {
    const std::optional<double>& weight = config.sources[i].weight;
    if (reader.at_fault(sources) || reader.at_fault(key(i))) return;
    if (!weight) without = without.value_or(i);
    if (!weight) continue;
    weights.push_back(*weight);
    if (!whole_weights({*weight}).empty()) continue;
    places = false;
    reader.fault(key(i), "config.range", cat("found ", shortest(*weight), ", which has more than four decimal places"),
                 "round it");
  }
  if (weights.empty()) return;
  if (without) {
    reader.fault(key(*without), "config.required", "missing, wanted a number because other sources have a weight",
                 "give every source a weight, or none");
  } else if (places && whole_weights(weights).empty()) {
    reader.fault(key(0), "config.range",
                 cat("the weights of all sources, as whole numbers without a common divisor, have a sum above ",
                     kMostMixtureWeight),
                 "write them with fewer places, such as 0.7 and 0.3");
  }
}

// The checks that look across sections.
void check_corpus(const CorpusConfig& config, const std::string& prefix, ConfigReader& reader) {
  bool has_text = config.fields.empty() || reader.at_fault("fields");
  std::vector<std::string> names;
  int ids = 0;
  for (const auto& [name, field] : config.fields) {
    const std::string key = join_key(join_key(prefix, "fields"), name);
    names.push_back(name);
    has_text = has_text || field.kind == FieldKind::kText || reader.at_fault(join_key(key, "kind"));
    if (!is_field_name(name)) {
      reader.fault(key, "config.type", "the name of a field has up to 64 letters, digits, dashes and underscores",
                   "rename it");
    }
    if (field.kind == FieldKind::kId && ++ids == 2) {
      reader.fault(key, "config.conflict", "a second field of kind id", "give one of them kind: category");
    }
  }
  if (!has_text) {
    reader.fault(join_key(prefix, "fields"), "config.required", "found no field of kind text",
                 "add one; it is what the model reads");
  }
  check_deidentified_fields(config, prefix, reader);
  check_weights(config, prefix, reader);
  const std::string key = join_key(prefix, "split.field");
  if (reader.at_fault("split.by")) return;
  if (config.split.by == "hash" || config.split.field.empty() || config.fields.empty() || reader.at_fault(key) ||
      reader.at_fault("fields"))
    return;
  const auto found = config.fields.find(config.split.field);
  static const std::map<std::string, std::pair<FieldKind, const char*>> kinds = {
      {"group", {FieldKind::kGroup, "group"}},
      {"time", {FieldKind::kTime, "time"}},
      {"stratified", {FieldKind::kLabel, "label"}},
      {"field", {FieldKind::kSplit, "split"}}};
  const auto [wanted, wanted_name] = kinds.at(config.split.by);
  if (found == config.fields.end()) {
    const std::string near = nearest(config.split.field, names);
    reader.fault(key, "config.choice", cat("found ", config.split.field, ", which is not under fields"),
                 near.empty() ? cat("the fields are ", join(names, ", ")) : cat("did you mean ", near, "?"));
  } else if (found->second.kind != wanted && !reader.at_fault(join_key("fields", config.split.field))) {
    reader.fault(key, "config.conflict", cat("found ", config.split.field, ", which is not of kind ", wanted_name),
                 cat("by: ", config.split.by, " needs a field of kind ", wanted_name));
  }
}

const Section<FilterConfig>& filter_section() {
  static const auto section = Section<FilterConfig>()
                                  .key("keep", &FilterConfig::keep, map_of(list_of(text(), /*one_is_enough=*/true)),
                                       "Column -> the value, or the values, that stay.")
                                  .key("not_empty", &FilterConfig::not_empty, list_of(text(), /*one_is_enough=*/true),
                                       "Columns that must have a value.");
  return section;
}

const Section<SourceConfig>& source_section() {
  static const auto section =
      Section<SourceConfig>()
          .key("files", &SourceConfig::files, list_of(path(), /*one_is_enough=*/true),
               "Files, folders, or patterns such as data/*.tsv; compressed ones (.gz, .bz2, .xz, .zst) and tar "
               "archives too.",
               Need::kRequired)
          .key("format", &SourceConfig::format,
               one_of(
                   {{"jsonl", "csv", "tsv", "text", "document", "html", "mind_news", "mind_behaviors", "cluener"},
                    {"parquet"},
                    {{"json", "jsonl"}, {"ndjson", "jsonl"}, {"txt", "text"}, {"htm", "html"}, {"mind", "mind_news"}}}),
               "Of the files; without it their names tell. text: one document a line; document: one a file; html: one "
               "a page, with the columns text, title, description, author, date, language, url and file; mind_news, "
               "mind_behaviors: the tables of MIND; cluener: CLUENER's JSON lines of texts and names, with the columns "
               "text, characters and tags.")
          .key("encoding", &SourceConfig::encoding,
               one_of({{"utf-8", "gb18030", "big5", "latin-1"},
                       {"utf-16"},
                       {{"utf8", "utf-8"},
                        {"gbk", "gb18030"},
                        {"gb2312", "gb18030"},
                        {"latin1", "latin-1"},
                        {"iso-8859-1", "latin-1"}}}),
               "Of the text.")
          .key("header", &SourceConfig::header, boolean(), "csv, tsv: the first line names the columns.")
          .key("columns", &SourceConfig::columns, list_of(text()), "csv, tsv without a header: the columns' names.")
          .key("boilerplate", &SourceConfig::boilerplate, boolean(),
               "html: keep navigation, advertisements and the like as part of the text.")
          .key("filter", &SourceConfig::filter, nested(filter_section()), "Which records become documents.")
          .key("weight", &SourceConfig::weight, optional_of(number({0, 10'000, true, false})),
               "The share of the training examples that comes from this source, against the other sources' weights, "
               "with up to four decimal places; all sources have one, or none: then each example is seen as often as "
               "any other.")
          .key("licence", &SourceConfig::licence, text(), "For the record: under which terms the texts may be used.")
          .key("origin", &SourceConfig::origin, text(), "For the record: where the texts come from.")
          .check(check_source);
  return section;
}

const Section<FieldConfig>& field_section() {
  static const auto section =
      Section<FieldConfig>()
          .key("from", &FieldConfig::from, text(),
               "Column or JSON key; without it the field's own name. Format text: text or line.")
          .key("template", &FieldConfig::text_template, text(),
               "text, id, group, category: made of several columns, each in braces: \"{title}\\n\\n{body}\".")
          .key("kind", &FieldConfig::kind, enum_of(kinds()), "What the value is.", Need::kRequired)
          .key("pattern", &FieldConfig::pattern, text(),
               "group, id: a regular expression (ECMAScript); its first capture is the value.")
          .key("values", &FieldConfig::values, list_of(text()),
               "label, labels, tags: the classes in order; without it those found, sorted.")
          .key("separator", &FieldConfig::separator, text(),
               "labels, tags, list: stands between the values where they come as one text; without it white space.")
          .key("bins", &FieldConfig::bins, map_of(interval()),
               "label from a number: class -> [low, high); the highest bin includes its high end.")
          .key("optional", &FieldConfig::optional, boolean(), "A missing value is not a fault.")
          .check(check_field);
  return section;
}

const Section<SplitConfig>& split_section() {
  static const auto section =
      Section<SplitConfig>()
          .key(
              "by", &SplitConfig::by,
              one_of({{"hash", "group", "time", "stratified", "field"},
                      {},
                      {{"random", "hash"}, {"stratify", "stratified"}}}),
              "hash: each document by itself; group: all documents of a group together; time: train before, validation "
              "and then test after; stratified: each class by itself; field: as the data says.")
          .key("field", &SplitConfig::field, text(), "The field of kind group, time, label or split that it goes by.")
          .key("validation", &SplitConfig::validation, number({0, 1, false, true}), "Share of the validation split.")
          .key("test", &SplitConfig::test, number({0, 1, false, true}), "Share of the test split.")
          .key("seed", &SplitConfig::seed, natural(), "Another seed draws other splits.")
          .check(check_split);
  return section;
}

const Section<CleanConfig>& clean_section() {
  static const auto section =
      Section<CleanConfig>()
          .key("exact_duplicates", &CleanConfig::exact_duplicates, boolean(),
               "Drops documents whose text fields equal an earlier one's, before the splits are drawn.")
          .key("near_duplicates", &CleanConfig::near_duplicates, number({0, 1, false, false}),
               "Drops documents that share at least this part of their five-word shingles with an earlier one that "
               "stays, for instance 0.8; 0 keeps them.")
          .key("unicode", &CleanConfig::unicode, one_of({{"none", "nfc", "nfkc"}}),
               "Unicode normalisation of texts, before all else: composed (nfc), or compatibility forms too (nfkc).")
          .key("markup", &CleanConfig::markup, boolean(),
               "Removes HTML tags, comments, scripts and styles from texts, and resolves character references.")
          .key("whitespace", &CleanConfig::whitespace, boolean(),
               "Makes one space of several, at most one empty line, and nothing of control characters in texts.")
          .key("repeated_lines", &CleanConfig::repeated_lines, integer(0),
               "Takes away the lines that this many documents or more have, 2 or above: navigation, notices, the name "
               "of the paper. Documents with the same texts count once; 0 keeps all lines.")
          .key("min_words", &CleanConfig::min_words, integer(0),
               "Drops documents whose texts have fewer words together; a Chinese character counts as one.")
          .key("max_words", &CleanConfig::max_words, integer(0), "Drops documents that have more; 0: no limit.")
          .key("quality", &CleanConfig::quality,
               list_of(one_of({{"none", "gopher", "c4", "fineweb"}}), /*one_is_enough=*/true),
               "Drops documents by rules of public corpora: gopher (Rae et al. 2021, appendix A1.1), c4 (Raffel et al. "
               "2020; takes lines away too), fineweb (Penedo et al. 2024).")
          .key("languages", &CleanConfig::languages, list_of(text(), /*one_is_enough=*/true),
               "Keeps documents in these languages (ISO 639-1: en, zh, ...) by CLD2, and no others.")
          .key("leakage", &CleanConfig::leakage, one_of({{"earliest", "keep_test"}}),
               "Which of equal or alike documents stays: the earliest; or the one in the test split, else in "
               "validation, so that what goes is what training would have seen.")
          .check(check_clean);
  return section;
}

ConfigType<std::map<std::string, DeidentifyPolicy>> policies_by_kind() {
  static const std::vector<std::pair<std::string, DeidentifyPolicy>> policies = {
      {"mask", DeidentifyPolicy::kMask},
      {"placeholder", DeidentifyPolicy::kPlaceholder},
      {"pseudonym", DeidentifyPolicy::kPseudonym},
      {"keep", DeidentifyPolicy::kKeep}};
  return map_of(enum_of(policies));
}

const Section<DeidentifyConfig>& deidentify_section() {
  static const std::vector<std::pair<std::string, DeidentifyPolicy>> policies = {
      {"mask", DeidentifyPolicy::kMask},
      {"placeholder", DeidentifyPolicy::kPlaceholder},
      {"pseudonym", DeidentifyPolicy::kPseudonym}};
  static const auto section =
      Section<DeidentifyConfig>()
          .key("policy", &DeidentifyConfig::policy, enum_of(policies),
               "What stands in the place of what identifies a person: ***, its kind in brackets, or a keyed pseudonym.")
          .key("kinds", &DeidentifyConfig::kinds, policies_by_kind(),
               "Another policy for some kinds, or keep: email, phone, card, iban, resident_id, ssn, ip, handle, url "
               "(with a token in it), name.")
          .key("key", &DeidentifyConfig::key, path(),
               "pseudonym: a file of 16 bytes or more, outside the corpus, that only its owner may read.")
          .key("name_list", &DeidentifyConfig::name_list, path(),
               "A file of names to find exactly as written: a person a line, other ways to write the name behind tabs. "
               "Without it no names are found.")
          .key("fields", &DeidentifyConfig::fields, list_of(text()),
               "Fields of kind text, id, group or category; without it all of kind text.")
          .check(check_deidentify);
  return section;
}

}  // namespace

const Section<CorpusConfig>& corpus_section() {
  static const auto section =
      Section<CorpusConfig>()
          .key("schema", &CorpusConfig::schema, fixed_integer(1), "Version of the file's format.", Need::kRequired)
          .key("kind", &CorpusConfig::kind, one_of({{"corpus"}, {}, {}}), "What the file describes.", Need::kRequired)
          .key("name", &CorpusConfig::name, short_name(), "The corpus's name.", Need::kRequired)
          .key("output", &CorpusConfig::output, path(), "Folder that prepare makes.", Need::kRequired)
          .key("tokenizer", &CorpusConfig::tokenizer, path(),
               "Folder with tokenizer.json, vocab.txt, vocab.json or *.tiktoken.", Need::kRequired)
          .key("sources", &CorpusConfig::sources, list_of(nested(source_section())), "Where the documents come from.",
               Need::kRequired)
          .key("fields", &CorpusConfig::fields, map_of(nested(field_section())),
               "What of each document is kept, by name.", Need::kRequired)
          .key("split", &CorpusConfig::split, nested(split_section()),
               "How documents are split into train, validation and test.")
          .key("clean", &CorpusConfig::clean, nested(clean_section()), "What is dropped.")
          .key("deidentify", &CorpusConfig::deidentify, optional_of(nested(deidentify_section())),
               "What identifies persons in the texts, and what becomes of it. Absent: nothing is looked for.")
          .key("max_rejected_share", &CorpusConfig::max_rejected_share, number({0, 1, false, false}),
               "prepare stops when more than this share of the lines is malformed.")
          .key("shard_tokens", &CorpusConfig::shard_tokens, integer(1024, int64_t{1} << 36),
               "A shard is closed at about this many tokens.")
          .check(check_corpus);
  return section;
}

}  // namespace broadsheet
