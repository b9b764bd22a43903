#include "launcher/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "launcher/answer.h"

namespace broadsheet {
namespace {

constexpr char kUnfinished[] = ".writing";

void write_to_stream(int stream, const std::string& path, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(stream, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw RunError("io.write", cat(path, ": cannot be written: ", std::strerror(errno)));
    done += static_cast<size_t>(count);
  }
}

}  // namespace

OutputPlace output_place(const std::string& given, const std::string& option) {
  if (given.empty()) return {};
  namespace fs = std::filesystem;
  std::error_code error;
  const std::string path = absolute_path(given);
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status))
    throw UserError("output.folder", cat("--", option, ": ", path, " is a folder"), "name a file in it");
  if (fs::exists(status) && !fs::is_regular_file(status)) return {path, true};
  const fs::path real = fs::weakly_canonical(path, error);
  return {error ? path : real.string(), false};
}

Output::Output(OutputPlace place) : place_(std::move(place)) {
  if (place_.path.empty()) return;
  if (place_.is_stream) {
    stream_ = ::open(place_.path.c_str(), O_WRONLY | O_CLOEXEC);
    if (stream_ < 0)
      throw UserError("output.open", cat(place_.path, ": ", std::strerror(errno)), "write to another file");
    return;
  }
  const std::string unfinished = place_.path + kUnfinished;
  ::unlink(unfinished.c_str());
  file_ = std::make_unique<DurableFile>(unfinished);
}

Output::~Output() {
  if (stream_ >= 0) ::close(stream_);
}

void Output::write(const std::string& text) {
  if (file_) {
    file_->write(text);
  } else if (stream_ >= 0) {
    write_to_stream(stream_, place_.path, text);
  } else {
    print_text(text);
  }
}

void Output::finish() {
  if (!file_) return;
  file_->close();
  file_.reset();
  rename_durably(place_.path + kUnfinished, place_.path);
}

}  // namespace broadsheet
