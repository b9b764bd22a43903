// init: a first look at somebody's data, and a corpus.yaml and run.yaml for it with comments and sensible values.
#pragma once

#include <string>
#include <vector>

namespace broadsheet {

struct InitOptions {
  std::string data;       // CSV, TSV, JSONL or text file, also .gz and .bz2
  std::string task;       // classification | regression | masked_lm | causal_lm | generation
  std::string text;       // column or key; empty: "text" (plain text files have no other)
  std::string text_pair;  // optional second text
  std::string label;      // classification
  std::string score;      // regression
  std::string target;     // generation: the column to write
  std::string model;      // a Hugging Face folder
  std::string name;       // of corpus and run; empty: from the data file's name
  std::string out = ".";  // folder in which the two files will lie: paths in them are relative to it
};

struct InitFiles {
  std::string corpus_yaml, run_yaml;  // the files' text; both load without faults
  std::vector<std::string> notes;     // what was found, one line each, for the person
};

// Reads the first thousand lines, writes nothing. UserError ("init.*", and those of importers and tokenizer) for
// columns that do not exist (with the nearest name), labels or scores that are none, a missing model folder.
InitFiles propose_files(const InitOptions& options);

}  // namespace broadsheet
