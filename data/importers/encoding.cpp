#include "data/importers/encoding.h"

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/text.h"
#include "data/importers/byte_source.h"

namespace broadsheet {
namespace {

// The longest character of UTF-8 for each byte of a source: latin-1 has two, GB18030's two bytes make three.
constexpr size_t kGrowth = 3;
// A second byte is an ASCII one in about half of Big5's characters.
constexpr double kAsciiTrailOfBig5 = 0.1;
// Of the bytes of a Latin text few are accents; Chinese ones are most of a text, even among keys and marks.
constexpr double kChineseShare = 0.2;
// Any bytes are text in Latin-1: fewer lines may as well be damaged.
constexpr size_t kTellingLines = 8;

const char* iconv_name(const std::string& encoding) {
  return encoding == "latin-1" ? "ISO-8859-1" : encoding.c_str();
}

bool is_high(char c) {
  return (static_cast<unsigned char>(c) & 0x80) != 0;
}

bool decodes(const std::string& encoding, const std::vector<std::string_view>& lines) {
  LineDecoder decoder(encoding);
  return std::all_of(lines.begin(), lines.end(), [&](const std::string_view line) {
    std::string copy(line);
    return decoder.decode(copy);
  });
}

// How bytes beyond ASCII lie together.
struct HighBytes {
  int64_t all = 0, alone = 0, pairs = 0, ascii_trails = 0;
  bool control = false;  // bytes that latin-1 has for control characters

  void count(std::string_view line) {
    all += static_cast<int64_t>(line.size());
    for (size_t i = 0; i < line.size(); ++i) {
      if (!is_high(line[i])) continue;
      control = control || static_cast<unsigned char>(line[i]) < 0xA0;
      if (i + 1 < line.size() && is_high(line[i + 1])) {
        ++pairs;
        ++i;
      } else {
        ++alone;
        // Big5's are from 0x40 on, of which a separator or a space is none.
        if (i + 1 < line.size() && line[i + 1] >= 0x40) ++ascii_trails;
      }
    }
  }
};

}  // namespace

LineDecoder::LineDecoder(const std::string& encoding) : encoding_(encoding) {
  if (encoding == "utf-8" || encoding.empty()) return;
  converter_ = ::iconv_open("UTF-8", iconv_name(encoding));
  if (converter_ != reinterpret_cast<void*>(-1)) return;
  converter_ = nullptr;
  throw RunError("corpus.encoding", cat("this system cannot convert ", encoding, " to UTF-8"),
                 "install the C library's conversion tables, or convert the sources with iconv on another machine");
}

LineDecoder::~LineDecoder() {
  if (converter_ != nullptr) ::iconv_close(converter_);
}

LineDecoder::LineDecoder(LineDecoder&& other) noexcept
    : encoding_(std::move(other.encoding_)), converter_(std::exchange(other.converter_, nullptr)) {}

LineDecoder& LineDecoder::operator=(LineDecoder&& other) noexcept {
  std::swap(encoding_, other.encoding_);
  std::swap(converter_, other.converter_);
  return *this;
}

bool LineDecoder::decode(std::string& text) {
  if (converter_ == nullptr || std::none_of(text.begin(), text.end(), is_high)) return true;
  out_.resize(kGrowth * text.size());
  char *in = text.data(), *out = out_.data();
  size_t in_left = text.size(), out_left = out_.size();
  ::iconv(converter_, nullptr, nullptr, nullptr, nullptr);
  if (::iconv(converter_, &in, &in_left, &out, &out_left) == static_cast<size_t>(-1)) return false;
  out_.resize(out_.size() - out_left);
  text.swap(out_);
  return true;
}

std::string guess_encoding(std::string_view text) {
  std::vector<std::string_view> foreign;
  size_t beyond_ascii = 0;
  HighBytes bytes;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (std::none_of(line.begin(), line.end(), is_high)) continue;
    ++beyond_ascii;
    if (is_utf8(line)) continue;
    foreign.push_back(line);
    bytes.count(line);
  }
  if (foreign.empty() || 2 * foreign.size() <= beyond_ascii) return "";
  const bool dense =
      static_cast<double>(2 * bytes.pairs + bytes.alone) > kChineseShare * static_cast<double>(bytes.all);
  const bool ascii_trails =
      static_cast<double>(bytes.ascii_trails) > kAsciiTrailOfBig5 * static_cast<double>(bytes.pairs);
  if (dense && ascii_trails && decodes("big5", foreign)) return "big5";
  if ((dense || bytes.pairs > bytes.alone) && decodes("gb18030", foreign)) return "gb18030";
  if (foreign.size() >= kTellingLines && !bytes.control && bytes.alone > bytes.pairs) return "latin-1";
  return "";
}

std::string encoding_of(const std::string& path) {
  std::string head = read_whole(*open_byte_source(path), kEncodingHead);
  if (head.size() > kEncodingHead) head.resize(head.rfind('\n') + 1);  // the last line may be cut
  const std::string guess = guess_encoding(head);
  return guess.empty() ? "utf-8" : guess;
}

}  // namespace broadsheet
