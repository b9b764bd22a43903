// What the tests of corpora share: folders that vanish, files, a tiny vocabulary, a corpus in memory.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/corpus_config.h"
#include "data/prepare.h"
#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "broadsheet-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string write_text(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

// A WordPiece vocabulary in which every ASCII letter and digit is a token, whole and as a continuation.
inline std::string write_vocabulary(const std::string& folder) {
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (const char* prefix : {"", "##"})
    for (const char* range : {"abcdefghijklmnopqrstuvwxyz", "0123456789"})
      for (const char* c = range; *c; ++c) vocabulary += std::string(prefix) + *c + "\n";
  for (const char* word : {"the", "tax", "plan", "fails", "again", ".", ",", "news", "##s"})
    vocabulary += std::string(word) + "\n";
  write_text(folder + "/vocab.txt", vocabulary);
  return folder;
}

// Every file below `folder` with its bytes.
inline std::map<std::string, std::string> all_files(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[std::filesystem::relative(entry.path(), folder).string()] = read_file(entry.path().string());
  return files;
}

// The codes of the UserError that `action` throws; empty when it throws none.
template <class Action>
std::vector<std::string> user_error_codes(Action action, std::string* message = nullptr) {
  std::vector<std::string> codes;
  try {
    action();
  } catch (const UserError& error) {
    if (message) *message = error.what();
    for (const Fault& fault : error.faults()) codes.push_back(fault.code);
  }
  return codes;
}

// One text field, and what else a test adds.
inline CorpusConfig text_corpus(const TempFolder& folder, const std::string& file, const std::string& format) {
  CorpusConfig config;
  config.name = "test";
  config.output = folder / "corpus";
  config.tokenizer = write_vocabulary(folder / "tokenizer");
  SourceConfig source;
  source.files = {file};
  source.format = format;
  config.sources = {source};
  FieldConfig text;
  text.from = "text";
  config.fields["text"] = text;
  return config;
}

inline FieldConfig field(const std::string& from, FieldKind kind) {
  FieldConfig config;
  config.from = from;
  config.kind = kind;
  return config;
}

}  // namespace broadsheet
