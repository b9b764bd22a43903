// prepare_rows CSV TOKENIZER OUTPUT: prepares a corpus of the columns id, text, mood and score, for corpus_h5py.py.
#include <iostream>

#include "core/errors.h"
#include "data/prepare.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
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
  config.fields["score"].optional = true;
  config.shard_tokens = 2000;
  try {
    std::cout << broadsheet::prepare_corpus(config).json().dump() << "\n";
  } catch (const broadsheet::Error& error) {
    std::cerr << error.what() << "\n";
    return static_cast<int>(error.exit_code());
  }
  return 0;
}
