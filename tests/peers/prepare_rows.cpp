// prepare_rows CSV TOKENIZER OUTPUT [THRESHOLD]: prepares a corpus of the columns id, text, mood, score, topics and
// history, for corpus_h5py.py; with a threshold without near-duplicates, for near_duplicates.py.
#include <cstdlib>
#include <iostream>

#include "core/errors.h"
#include "data/prepare.h"

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return 2;
  broadsheet::CorpusConfig config;
  config.name = "rows";
  config.tokenizer = argv[2];
  config.output = argv[3];
  broadsheet::SourceConfig source;
  source.files = {argv[1]};
  source.format = "csv";
  config.sources = {source};
  const auto add = [&](const char* name, broadsheet::FieldKind kind) {
    config.fields[name].from = name;
    config.fields[name].kind = kind;
  };
  add("id", broadsheet::FieldKind::kId);
  add("text", broadsheet::FieldKind::kText);
  add("mood", broadsheet::FieldKind::kLabel);
  add("score", broadsheet::FieldKind::kScore);
  add("topics", broadsheet::FieldKind::kLabels);
  add("history", broadsheet::FieldKind::kList);
  config.fields["history"].separator = ";";
  for (const char* name : {"score", "topics", "history"}) config.fields[name].optional = true;
  config.shard_tokens = 2000;
  if (argc == 5) config.clean.near_duplicates = std::atof(argv[4]);
  try {
    std::cout << broadsheet::prepare_corpus(config).json().dump() << "\n";
  } catch (const broadsheet::Error& error) {
    std::cerr << error.what() << "\n";
    return static_cast<int>(error.exit_code());
  }
  return 0;
}
