#include "data/importers/byte_source.h"

#include <bzlib.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr unsigned kCompressedBuffer = 1u << 17;

[[noreturn]] void damaged(const std::string& path, const std::string& what) {
  throw UserError("corpus.damaged_source", cat(path, ": ", what), "the file is truncated or damaged; fetch it again");
}

// Ends where the file ended when it was opened: one that somebody appends to has no other end.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : path_(path) {
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
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  size_t read(char* buffer, size_t size) {
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
  void seek(int64_t position) {
    consumed_ = std::min(position, size_);
    if (::lseek(fd_, consumed_, SEEK_SET) != consumed_)
      throw RunError("io.read", cat(path_, ": seek failed: ", std::strerror(errno)));
  }
  size_t peek(char* buffer, size_t size) {
    const ssize_t got = ::pread(fd_, buffer, size, 0);
    return got < 0 ? 0 : static_cast<size_t>(got);
  }
  int64_t consumed() const { return consumed_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_ = -1;
  int64_t size_ = 0, consumed_ = 0;
};

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(std::unique_ptr<Descriptor> file) : file_(std::move(file)) {}
  size_t read(char* buffer, size_t size) override { return file_->read(buffer, size); }
  int64_t consumed() const override { return file_->consumed(); }
  void seek(int64_t position) override { file_->seek(position); }

 private:
  std::unique_ptr<Descriptor> file_;
};

// Members may be concatenated, as gzip and bgzip write them.
class GzipSource : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<Descriptor> file) : file_(std::move(file)) {
    BROADSHEET_ASSERT(inflateInit2(&stream_, 15 + 16) == Z_OK);
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  size_t read(char* buffer, size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size && !done_) {
      if (stream_.avail_in == 0) {
        stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
        stream_.avail_in = static_cast<uInt>(file_->read(input_.data(), input_.size()));
        if (stream_.avail_in == 0) {
          if (!between_members_) damaged(file_->path(), "the gzip stream ends early");
          done_ = true;
          break;
        }
      }
      if (between_members_ && stream_.next_in[0] == 0) {  // zero padding after the last member
        ++stream_.next_in;
        --stream_.avail_in;
        continue;
      }
      between_members_ = false;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        between_members_ = true;
        inflateReset(&stream_);
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        damaged(file_->path(), "the gzip stream is corrupt");
      }
    }
    return size - stream_.avail_out;
  }
  int64_t consumed() const override { return file_->consumed(); }

 private:
  std::unique_ptr<Descriptor> file_;
  z_stream stream_{};
  std::array<char, kCompressedBuffer> input_{};
  bool between_members_ = false, done_ = false;
};

class Bzip2Source : public ByteSource {
 public:
  explicit Bzip2Source(std::unique_ptr<Descriptor> file) : file_(std::move(file)) { start(); }
  ~Bzip2Source() override { BZ2_bzDecompressEnd(&stream_); }
  Bzip2Source(const Bzip2Source&) = delete;
  Bzip2Source& operator=(const Bzip2Source&) = delete;

  size_t read(char* buffer, size_t size) override {
    stream_.next_out = buffer;
    stream_.avail_out = static_cast<unsigned>(size);
    while (stream_.avail_out == size && !done_) {
      if (stream_.avail_in == 0) {
        stream_.next_in = input_.data();
        stream_.avail_in = static_cast<unsigned>(file_->read(input_.data(), input_.size()));
        if (stream_.avail_in == 0) {
          if (!between_streams_) damaged(file_->path(), "the bzip2 stream ends early");
          done_ = true;
          break;
        }
      }
      between_streams_ = false;
      const int code = BZ2_bzDecompress(&stream_);
      if (code == BZ_STREAM_END) {
        between_streams_ = true;
        restart();
      } else if (code != BZ_OK) {
        damaged(file_->path(), "the bzip2 stream is corrupt");
      }
    }
    return size - stream_.avail_out;
  }
  int64_t consumed() const override { return file_->consumed(); }

 private:
  void start() { BROADSHEET_ASSERT(BZ2_bzDecompressInit(&stream_, 0, 0) == BZ_OK); }
  void restart() {
    const bz_stream before = stream_;
    BZ2_bzDecompressEnd(&stream_);
    stream_ = {};
    start();
    stream_.next_in = before.next_in;
    stream_.avail_in = before.avail_in;
    stream_.next_out = before.next_out;
    stream_.avail_out = before.avail_out;
  }

  std::unique_ptr<Descriptor> file_;
  bz_stream stream_{};
  std::array<char, kCompressedBuffer> input_{};
  bool between_streams_ = false, done_ = false;
};

enum class Compression { kNone, kGzip, kBzip2 };

Compression compression_of(Descriptor& file) {
  std::array<char, 10> head{};
  const std::string_view magic(head.data(), file.peek(head.data(), head.size()));
  if (starts_with(magic, "\x1f\x8b")) return Compression::kGzip;
  if (magic.size() == 10 && starts_with(magic, "BZh") && magic.substr(4) == "1AY&SY") return Compression::kBzip2;
  return Compression::kNone;
}

}  // namespace

void ByteSource::seek(int64_t) {
  BROADSHEET_ASSERT(false);  // can_be_cut() has said that there is no need to
}

std::unique_ptr<ByteSource> open_byte_source(const std::string& path) {
  auto file = std::make_unique<Descriptor>(path);
  switch (compression_of(*file)) {
    case Compression::kGzip:
      return std::make_unique<GzipSource>(std::move(file));
    case Compression::kBzip2:
      return std::make_unique<Bzip2Source>(std::move(file));
    case Compression::kNone:
      break;
  }
  return std::make_unique<PlainSource>(std::move(file));
}

bool is_compressed(const std::string& path) {
  Descriptor file(path);
  return compression_of(file) != Compression::kNone;
}

}  // namespace broadsheet
