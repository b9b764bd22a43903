#include "data/importers/line_reader.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {

namespace {

constexpr size_t kBufferBytes = size_t{1} << 18;
constexpr size_t kMagicBytes = 512;
// So many bytes beyond ASCII are UTF-8 by chance in no other encoding.
constexpr int64_t kTellingBytes = 32;

struct Foreign {
  std::string_view magic;
  const char* what;
  const char* remedy;
};
// What people have beside text files, told by its first bytes. As text most of its lines would be set aside, but not
// all.
constexpr Foreign kForeign[] = {
    {"PAR1", "a Parquet file", "write it as JSONL or CSV; Parquet is not in this version"},
    {"ARROW1", "an Arrow file", "write it as JSONL or CSV"},
    {"ORC", "an ORC file", "write it as JSONL or CSV"},
    {"\x89HDF\r\n\x1a\n", "an HDF5 file", "name the files that a corpus is made from"},
    {"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or export its table as CSV"},
    {"SQLite format 3", "a database", "export its table as CSV"},
    {"%PDF-", "a PDF file", "extract its text"},
};

void refuse_foreign(const std::string& path, std::string_view head) {
  for (const Foreign& foreign : kForeign) {
    // A text may begin with "ORC" too; in those formats bytes follow that no text has.
    if (starts_with(head, foreign.magic) && (!is_utf8(head) || head.find('\0') != std::string_view::npos))
      throw UserError("corpus.format", cat(path, ": is ", foreign.what), foreign.remedy);
  }
}

}  // namespace

LineReader::LineReader(std::unique_ptr<ByteSource> source, const std::string& name, const std::string& encoding)
    : source_(std::move(source)), buffer_(kBufferBytes, '\0'), decoder_(encoding) {
  check_head(name);
}

LineReader::LineReader(const std::string& path, const std::string& encoding, const ByteRange& range)
    : source_(open_byte_source(path)), buffer_(kBufferBytes, '\0'), limit_(range.end), decoder_(encoding) {
  if (range.begin == 0) {
    check_head(path);
  } else {
    find_first_line(range.begin);
  }
}

void LineReader::check_head(const std::string& path) {
  while (end_ < kEncodingHead) {  // a compressed source may give its first bytes one at a time
    const size_t got = source_->read(buffer_.data() + end_, buffer_.size() - end_);
    if (got == 0) break;
    end_ += got;
  }
  const std::string_view head(buffer_.data(), end_);
  refuse_foreign(path, head.substr(0, kMagicBytes));
  if (starts_with(head, "\xef\xbb\xbf")) {
    begin_ = 3;
    byte_ = 3;
  } else if (starts_with(head, "\xff\xfe") || starts_with(head, "\xfe\xff") ||
             starts_with(head, std::string_view("\0\0\xfe\xff", 4))) {
    throw UserError("corpus.encoding", cat(path, ": the text is UTF-16 or UTF-32, wanted UTF-8"),
                    "convert it: iconv -f UTF-16 -t UTF-8 IN > OUT");
  }
  check_encoding(path);
}

// Thousands of lines set aside would tell the same, but not what to do.
void LineReader::check_encoding(const std::string& path) const {
  std::string_view head(buffer_.data() + begin_, end_ - begin_);
  if (end_ >= kEncodingHead) head = head.substr(0, head.rfind('\n') + 1);  // the last line may be cut
  if (!decoder_.idle()) {
    const auto high = std::count_if(head.begin(), head.end(), [](char c) { return static_cast<signed char>(c) < 0; });
    if (high < kTellingBytes || !is_utf8(head)) return;
    throw UserError("corpus.encoding", cat(path, ": the text is UTF-8, wanted ", decoder_.encoding()),
                    cat("remove encoding: ", decoder_.encoding(), " from its source"));
  }
  const std::string encoding = guess_encoding(head);
  if (encoding.empty()) return;
  throw UserError("corpus.encoding",
                  cat(path, ": most of the text is not UTF-8, and all of its beginning is valid ", encoding),
                  cat("add encoding: ", encoding, " to its source"));
}

// A line belongs to the range in which it begins: the rest of the one before is the previous range's.
void LineReader::find_first_line(int64_t begin) {
  source_->seek(begin - 1);
  byte_ = begin - 1;
  while (fill()) {
    const auto* newline = static_cast<const char*>(std::memchr(buffer_.data(), '\n', end_));
    begin_ = newline ? static_cast<size_t>(newline - buffer_.data()) + 1 : end_;
    byte_ += static_cast<int64_t>(begin_);
    if (newline) return;
  }
}

bool LineReader::fill() {
  begin_ = 0;
  end_ = source_->read(buffer_.data(), buffer_.size());
  return end_ > 0;
}

bool LineReader::next(Line& line) {
  line.text.clear();
  line.too_long = line.undecodable = false;
  if (byte_ >= limit_) return false;
  line.number = ++number_;
  line.byte = byte_;
  bool any = false;
  for (;;) {
    if (begin_ == end_ && !fill()) {
      if (any) break;
      --number_;
      return false;
    }
    any = true;
    const char* start = buffer_.data() + begin_;
    const auto* newline = static_cast<const char*>(std::memchr(start, '\n', end_ - begin_));
    const size_t size = newline ? static_cast<size_t>(newline - start) : end_ - begin_;
    if (!line.too_long && line.text.size() + size > kMaxLineBytes) {
      line.too_long = true;
      line.text.clear();
      line.text.shrink_to_fit();
    }
    if (!line.too_long) line.text.append(start, size);
    begin_ += size + (newline ? 1 : 0);
    byte_ += static_cast<int64_t>(size) + (newline ? 1 : 0);
    if (newline) break;
  }
  line.undecodable = !decoder_.decode(line.text);
  return true;
}

}  // namespace broadsheet
