#include "data/standard_input.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/errors.h"
#include "core/path.h"
#include "core/progress.h"
#include "core/text.h"
#include "data/preparation/scratch.h"

namespace broadsheet {

bool is_standard_input(const std::string& path) {
  return file_name(path) == kStandardInput;
}

bool is_spooled_input(const std::string& path) {
  return ends_with(path, kSpoolEnding);
}

bool reads_standard_input(const CorpusConfig& config) {
  return std::any_of(config.sources.begin(), config.sources.end(), [](const SourceConfig& source) {
    return std::any_of(source.files.begin(), source.files.end(), is_standard_input);
  });
}

SpooledInput::SpooledInput(CorpusConfig& config, std::string path, int descriptor) : path_(std::move(path)) {
  int64_t places = 0;
  for (SourceConfig& source : config.sources)
    for (std::string& file : source.files)
      if (is_standard_input(file)) {
        ++places;
        file = path_;
      }
  if (places > 1)
    throw UserError("corpus.no_file", "two sources want standard input", "it can be read once: name \"-\" once");
  if (::isatty(descriptor) != 0)
    throw UserError("corpus.no_file", "standard input is a terminal, wanted documents",
                    "pipe them in: broadsheet prepare corpus.yaml < FILE");
  std::ofstream file(path_, std::ios::binary | std::ios::trunc);
  Progress progress("reading standard input", "bytes", 0);
  std::string buffer(size_t{1} << 20, '\0');
  while (file) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw RunError("io.read", cat("standard input: ", std::strerror(errno)));
    if (got == 0) break;
    file.write(buffer.data(), got);
    progress.add(got);
  }
  file.close();
  if (!file) cannot_write_scratch(path_);
}

SpooledInput::~SpooledInput() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace broadsheet
