// What source files are compressed with, and the libraries that undo it, all in one form.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace broadsheet {

// A window on memory, moved forward by what was used of it.
struct ConstWindow {
  const char* data = nullptr;
  size_t size = 0;
};
struct Window {
  char* data = nullptr;
  size_t size = 0;
};

// One compressed stream ("member", "frame"). A file may hold several, one after the other.
class Decoder {
 public:
  enum class State { kMore, kEnd, kCorrupt };
  virtual ~Decoder() = default;
  // For the first stream and for each that follows.
  virtual void begin() = 0;
  // Takes from `in` and fills `out`, as far as either goes. Checksums are compared at the end.
  virtual State decode(ConstWindow& in, Window& out) = 0;
  virtual const char* name() const = 0;  // "gzip"
  // Between streams and after the last one zero bytes may lie.
  virtual bool zeros_may_follow() const { return false; }
};

inline constexpr size_t kLongestMagic = 10;
// gzip (RFC 1952), bzip2, xz, Zstandard (RFC 8878), told by the first bytes of a file; null: none of them.
std::unique_ptr<Decoder> decoder_for(std::string_view head);

}  // namespace broadsheet
