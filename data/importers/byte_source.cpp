#include "data/importers/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "core/errors.h"
#include "core/text.h"
#include "data/importers/decoders.h"

namespace broadsheet {
namespace {

constexpr size_t kCompressedBuffer = size_t{1} << 17;

// Ends where the file ended when it was opened: one that somebody appends to has no other end.
class File : public ByteSource {
 public:
  explicit File(const std::string& path) : path_(path) {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (fd_ < 0 || ::fstat(fd_, &status) != 0) {
      const std::string why = std::strerror(errno);
      if (fd_ >= 0) ::close(fd_);
      throw UserError("corpus.no_file", cat(path, ": cannot be read (", why, ")"), "check sources: files:");
    }
    if (!S_ISREG(status.st_mode)) {
      ::close(fd_);
      throw UserError("corpus.no_file", cat(path, ": is not a regular file"),
                      "name files, or a pattern such as *.jsonl");
    }
    size_ = status.st_size;
  }
  ~File() override { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  size_t read(char* buffer, size_t size) override {
    for (;;) {
      const auto left = static_cast<uint64_t>(size_ - consumed_);
      const ssize_t got = ::read(fd_, buffer, std::min<uint64_t>(size, left));
      if (got >= 0) {
        consumed_ += got;
        return static_cast<size_t>(got);
      }
      if (errno != EINTR) throw RunError("io.read", cat(path_, ": read failed: ", std::strerror(errno)));
    }
  }
  void seek(int64_t position) override {
    consumed_ = std::min(position, size_);
    if (::lseek(fd_, consumed_, SEEK_SET) != consumed_)
      throw RunError("io.read", cat(path_, ": seek failed: ", std::strerror(errno)));
  }
  size_t peek(char* buffer, size_t size) {
    const ssize_t got = ::pread(fd_, buffer, size, 0);
    return got < 0 ? 0 : static_cast<size_t>(got);
  }
  int64_t consumed() const override { return consumed_; }

 private:
  std::string path_;
  int fd_ = -1;
  int64_t size_ = 0, consumed_ = 0;
};

// A source whose first bytes have been looked at.
class Replayed : public ByteSource {
 public:
  Replayed(std::string head, std::unique_ptr<ByteSource> source) : head_(std::move(head)), source_(std::move(source)) {}
  size_t read(char* buffer, size_t size) override {
    if (begin_ == head_.size()) return source_->read(buffer, size);
    const size_t got = head_.copy(buffer, size, begin_);
    begin_ += got;
    return got;
  }
  int64_t consumed() const override { return source_->consumed(); }

 private:
  std::string head_;
  size_t begin_ = 0;
  std::unique_ptr<ByteSource> source_;
};

class CompressedSource : public ByteSource {
 public:
  CompressedSource(std::unique_ptr<ByteSource> source, std::string name, std::unique_ptr<Decoder> decoder)
      : source_(std::move(source)),
        name_(std::move(name)),
        decoder_(std::move(decoder)),
        input_(kCompressedBuffer, '\0') {
    decoder_->begin();
  }

  size_t read(char* buffer, size_t size) override {
    Window out{buffer, size};
    // A decoder may still hold output when the input has ended.
    while (out.size == size && size > 0) {
      if (in_.size == 0 && !ended_) in_ = {input_.data(), source_->read(input_.data(), input_.size())};
      ended_ = ended_ || in_.size == 0;
      if (between_streams_ && !find_next_stream()) {
        if (ended_) break;
        continue;
      }
      const size_t in_before = in_.size;
      const Decoder::State state = decoder_->decode(in_, out);
      between_streams_ = state == Decoder::State::kEnd;
      const bool stuck = !between_streams_ && in_.size == in_before && out.size == size;
      if (stuck && ended_) damaged_source(name_, cat("the ", decoder_->name(), " stream ends early"));
      if (state == Decoder::State::kCorrupt || (stuck && in_.size > 0))
        damaged_source(name_, cat("the ", decoder_->name(), " stream is corrupt"));
    }
    return size - out.size;
  }
  int64_t consumed() const override { return source_->consumed(); }

 private:
  // False: nothing follows in what has been read.
  bool find_next_stream() {
    while (decoder_->zeros_may_follow() && in_.size > 0 && *in_.data == '\0') in_ = {in_.data + 1, in_.size - 1};
    if (in_.size == 0) return false;
    between_streams_ = false;
    decoder_->begin();
    return true;
  }

  std::unique_ptr<ByteSource> source_;
  std::string name_;
  std::unique_ptr<Decoder> decoder_;
  std::string input_;
  ConstWindow in_;
  bool between_streams_ = false, ended_ = false;
};

std::unique_ptr<Decoder> decoder_of(File& file) {
  std::array<char, kLongestMagic> head{};
  return decoder_for({head.data(), file.peek(head.data(), head.size())});
}

}  // namespace

void damaged_source(const std::string& path, const std::string& what) {
  throw UserError("corpus.damaged_source", cat(path, ": ", what), "the file is truncated or damaged; fetch it again");
}

void ByteSource::seek(int64_t) {
  BROADSHEET_ASSERT(false);  // can_be_cut() has said that there is no need to
}

std::unique_ptr<ByteSource> open_byte_source(const std::string& path) {
  auto file = std::make_unique<File>(path);
  if (auto decoder = decoder_of(*file))
    return std::make_unique<CompressedSource>(std::move(file), path, std::move(decoder));
  return file;
}

std::unique_ptr<ByteSource> decompress(std::unique_ptr<ByteSource> source, const std::string& name) {
  std::string head = read_whole(*source, kLongestMagic);
  auto decoder = decoder_for(head);
  source = std::make_unique<Replayed>(std::move(head), std::move(source));
  if (decoder) return std::make_unique<CompressedSource>(std::move(source), name, std::move(decoder));
  return source;
}

bool is_compressed(const std::string& path) {
  File file(path);
  return decoder_of(file) != nullptr;
}

bool is_archive(const std::string& path) {
  constexpr size_t kMagicAt = 257;  // of a tar header (POSIX.1-1988)
  const std::string head = read_whole(*open_byte_source(path), kMagicAt + 5);
  return head.compare(std::min(head.size(), kMagicAt), 5, "ustar") == 0;
}

std::string read_whole(ByteSource& source, size_t most) {
  constexpr size_t kStep = size_t{1} << 16;
  std::string text;
  while (text.size() <= most) {
    const size_t size = text.size();
    text.resize(size + std::min(kStep, most + 1 - size));
    const size_t got = source.read(text.data() + size, text.size() - size);
    text.resize(size + got);
    if (got == 0) break;
  }
  return text;
}

}  // namespace broadsheet
