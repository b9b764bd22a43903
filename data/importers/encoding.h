// Encodings of sources other than UTF-8. All of them keep '\n' to itself, so that lines can be found before they are
// converted.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace broadsheet {

// Line by line to UTF-8. Not thread-safe.
class LineDecoder {
 public:
  // gb18030 | big5 | latin-1 | utf-8, as in SourceConfig. RunError("corpus.encoding") when this system lacks its table.
  explicit LineDecoder(const std::string& encoding);
  ~LineDecoder();
  LineDecoder(LineDecoder&&) noexcept;
  LineDecoder& operator=(LineDecoder&&) noexcept;

  // False when it is no text in that encoding; `text` is then as it was. utf-8: true, whatever it is.
  bool decode(std::string& text);
  bool idle() const { return converter_ == nullptr; }  // utf-8
  const std::string& encoding() const { return encoding_; }

 private:
  std::string encoding_, out_;
  void* converter_ = nullptr;  // iconv_t; null: nothing to do
};

// "gb18030", "big5" or "latin-1" when most lines of `text` with bytes beyond ASCII are not UTF-8, and all of them are
// text in that encoding; empty otherwise. Told by how bytes beyond ASCII lie together: many, two and two, in Chinese,
// few and alone in Latin-1; the second byte is often an ASCII one in Big5 and never in the common part of GB18030.
std::string guess_encoding(std::string_view text);
// So much of a file's beginning is looked at.
inline constexpr size_t kEncodingHead = size_t{1} << 16;
// Of a source file, by its beginning: what guess_encoding says, or "utf-8". Throws as open_byte_source.
std::string encoding_of(const std::string& path);

}  // namespace broadsheet
