// Bytes of a source file, decompressed on the way: plain or in one of the forms of decoders.h, told by its first bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace broadsheet {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to `size` bytes into `buffer`; 0 at the end. Throws UserError("corpus.damaged_source") for a truncated or
  // corrupt archive, RunError("io.read") when the disk fails.
  virtual size_t read(char* buffer, size_t size) = 0;
  // Bytes of the file on disk that were consumed so far, for progress.
  virtual int64_t consumed() const = 0;
  // Goes on at byte `position` of the file. Of an uncompressed one only.
  virtual void seek(int64_t position);
};

[[noreturn]] void damaged_source(const std::string& path, const std::string& what);

// Throws UserError("corpus.no_file") when the path is missing, unreadable or a folder.
std::unique_ptr<ByteSource> open_byte_source(const std::string& path);
// The same of what `source` gives; `name` is what messages call it.
std::unique_ptr<ByteSource> decompress(std::unique_ptr<ByteSource> source, const std::string& name);
bool is_compressed(const std::string& path);
// Whether the (decompressed) file is a tar archive.
bool is_archive(const std::string& path);
// All that is left, up to `most` bytes and one more: who gets that many has not got all.
std::string read_whole(ByteSource& source, size_t most);

}  // namespace broadsheet
