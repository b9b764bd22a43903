// Members of a tar archive, one after the other.
#pragma once

#include <memory>
#include <string>

#include "data/importers/byte_source.h"

struct archive;

namespace broadsheet {

// POSIX ustar and pax, GNU and old tar, by libarchive; compressed or not. Nothing is unpacked to the disk.
class ArchiveReader {
 public:
  // Throws as open_byte_source.
  explicit ArchiveReader(const std::string& path);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  // The next member that is a regular file: its name, and through member() its bytes. False at the end.
  // UserError("corpus.damaged_source").
  bool next();
  const std::string& name() const { return name_; }
  // Decompressed; to be read before next() is called again, and not to outlive this.
  std::unique_ptr<ByteSource> member();
  int64_t consumed() const { return source_->consumed(); }

 private:
  class Member;
  void check(long code) const;

  std::string path_, name_;
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  std::exception_ptr fault_;  // of the source, thrown through libarchive's C
  archive* archive_;
};

}  // namespace broadsheet
