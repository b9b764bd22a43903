#include "data/importers/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <exception>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr size_t kArchiveBuffer = size_t{1} << 18;

}  // namespace

class ArchiveReader::Member : public ByteSource {
 public:
  explicit Member(ArchiveReader& reader) : reader_(reader) {}
  size_t read(char* buffer, size_t size) override {
    const la_ssize_t got = archive_read_data(reader_.archive_, buffer, size);
    reader_.check(static_cast<long>(got));
    return static_cast<size_t>(got);
  }
  int64_t consumed() const override { return reader_.consumed(); }

 private:
  ArchiveReader& reader_;
};

ArchiveReader::ArchiveReader(const std::string& path)
    : path_(path), source_(open_byte_source(path)), buffer_(kArchiveBuffer, '\0'), archive_(archive_read_new()) {
  BROADSHEET_ASSERT(archive_ != nullptr);
  archive_read_support_format_tar(archive_);
  const auto read = [](archive* self, void* data, const void** block) -> la_ssize_t {
    auto* reader = static_cast<ArchiveReader*>(data);
    *block = reader->buffer_.data();
    try {
      return static_cast<la_ssize_t>(reader->source_->read(reader->buffer_.data(), reader->buffer_.size()));
    } catch (...) {
      reader->fault_ = std::current_exception();
      archive_set_error(self, EIO, "the file cannot be read");
      return ARCHIVE_FATAL;
    }
  };
  const int code = archive_read_open(archive_, this, nullptr, read, nullptr);
  if (code == ARCHIVE_OK) return;
  const std::string why = archive_error_string(archive_) ? archive_error_string(archive_) : "";
  archive_read_free(archive_);
  if (fault_) std::rethrow_exception(fault_);
  damaged_source(path_, cat("the tar archive cannot be read (", why, ")"));
}

ArchiveReader::~ArchiveReader() {
  archive_read_free(archive_);
}

bool ArchiveReader::next() {
  for (;;) {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(archive_, &entry);
    if (code == ARCHIVE_EOF) return false;
    check(code);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) continue;
    const char* name = archive_entry_pathname(entry);
    name_ = name != nullptr ? name : "";
    return true;
  }
}

std::unique_ptr<ByteSource> ArchiveReader::member() {
  return decompress(std::make_unique<Member>(*this), cat(path_, ": ", name_));
}

void ArchiveReader::check(long code) const {
  if (code >= ARCHIVE_OK || code == ARCHIVE_WARN) return;
  if (fault_) std::rethrow_exception(fault_);
  const char* why = archive_error_string(archive_);
  damaged_source(path_, cat("the tar archive is damaged", name_.empty() ? "" : " after " + name_, " (",
                            why != nullptr ? why : "no reason is known", ")"));
}

}  // namespace broadsheet
