// corpus.yaml as plain structs (schema 1). Their field table is in corpus_config.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace broadsheet {

// Of the records of a source those stay that pass all of it.
struct FilterConfig {
  std::map<std::string, std::vector<std::string>> keep;  // column -> the values that stay
  std::vector<std::string> not_empty;                    // columns
};

struct SourceConfig {
  std::vector<std::string> files;    // paths and globs, relative to the file; YAML: one string or a list
  std::string format;                // jsonl | csv | tsv | text | document | html | mind_news | mind_behaviors
  std::string encoding = "utf-8";    // utf-8 | gb18030 | big5 | latin-1
  bool header = true;                // csv, tsv: the first line names the columns
  std::vector<std::string> columns;  // csv, tsv without a header: their names
  bool boilerplate = false;          // html: keep navigation, advertisements and the like
  FilterConfig filter;
  std::optional<double> weight;  // of the training examples' draws (data/mixture.h); all sources have one or none
  std::string licence;
  std::string origin;
};

enum class FieldKind { kId, kText, kLabel, kLabels, kTags, kScore, kNumber, kCategory, kGroup, kTime, kSplit, kList };

struct FieldConfig {
  std::string from;           // column or JSON key; text format: "text" or "line"
  std::string text_template;  // text, id, group, category: several columns instead, "{title}\n\n{body}"
  FieldKind kind = FieldKind::kText;
  std::string pattern;              // group, id: a regular expression (ECMAScript); its first capture is the value
  std::vector<std::string> values;  // label, labels, tags: the classes in order; empty: those found, sorted
  std::string separator;            // labels, tags, list: between the values of a text; empty: white space
  std::map<std::string, std::pair<double, double>>
      bins;               // label from a number: name -> [low, high), the highest bin closed
  bool optional = false;  // a missing value is not a fault
};

struct SplitConfig {
  std::string by = "hash";  // hash | group | time | stratified | field
  std::string field;        // all but hash: the field's name
  double validation = 0.1;
  double test = 0.1;
  uint64_t seed = 1;
};

struct CleanConfig {
  bool exact_duplicates = true;  // drop documents whose text fields are equal to an earlier one's
  double near_duplicates = 0;    // drop those that are at least this alike (Jaccard, 0 to 1); 0: keep them
  std::string unicode = "none";  // none | nfc | nfkc
  bool markup = false;           // remove HTML tags and comments, resolve character references
  bool whitespace = false;       // one space for many, at most one empty line, no control characters
  int64_t repeated_lines = 0;    // take lines away that this many documents have, 2 or more; 0: none
  int64_t min_words = 0;         // drop documents whose texts together have fewer; a CJK character is a word
  int64_t max_words = 0;         // or more; 0: no limit
  std::vector<std::string> quality = {"none"};  // none, or several of gopher | c4 | fineweb
  std::vector<std::string> languages;           // keep documents in these (ISO 639-1); empty: all
  std::string leakage = "earliest";             // earliest | keep_test: which of equal or alike documents stays
};

enum class DeidentifyPolicy { kMask, kPlaceholder, kPseudonym, kKeep };

struct DeidentifyConfig {
  DeidentifyPolicy policy = DeidentifyPolicy::kPlaceholder;  // what is done to every kind that `kinds` does not name
  std::map<std::string, DeidentifyPolicy> kinds;             // by kind: "email", "phone", ...
  std::string key;                                           // pseudonym: a file outside the corpus, resolved
  std::string name_list;            // a file with a person a line, resolved; empty: names are not looked for
  std::vector<std::string> fields;  // of kind text, id, group or category; empty: all of kind text
};

struct CorpusConfig {
  int schema = 1;
  std::string kind = "corpus";
  std::string name;
  std::string output;     // folder of the corpus, resolved against the file
  std::string tokenizer;  // folder with tokenizer.json, vocab.txt or vocab.json, resolved
  std::vector<SourceConfig> sources;
  std::map<std::string, FieldConfig> fields;  // by name
  SplitConfig split;
  CleanConfig clean;
  std::optional<DeidentifyConfig> deidentify;  // absent: texts stay as they are
  double max_rejected_share = 0.01;
  int64_t shard_tokens = 64 * 1024 * 1024;  // a shard is closed at about this many tokens
};

}  // namespace broadsheet
