// A corpus from standard input: `files: "-"`.
#pragma once

#include <string>

#include "data/corpus_config.h"

namespace broadsheet {

inline constexpr const char* kStandardInput = "-";
inline constexpr const char* kSpoolEnding = ".standard-input";
// The configuration has it resolved like any other path.
bool is_standard_input(const std::string& path);
// Whether it is a file that SpooledInput has made.
bool is_spooled_input(const std::string& path);
bool reads_standard_input(const CorpusConfig& config);

// What is piped in, kept in a file: a preparation reads its sources more than once, and by several processes.
class SpooledInput {
 public:
  // Reads `descriptor` to its end into `path`, which has the ending, and puts that in the place of "-" in `config`.
  // RunError("io.*"); UserError("corpus.no_file") when it is a terminal, or when two sources want it.
  SpooledInput(CorpusConfig& config, std::string path, int descriptor = 0);
  ~SpooledInput();  // removes the file
  SpooledInput(const SpooledInput&) = delete;
  SpooledInput& operator=(const SpooledInput&) = delete;

 private:
  std::string path_;
};

}  // namespace broadsheet
