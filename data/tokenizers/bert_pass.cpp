#include "data/tokenizers/bert_pass.h"

#include "data/tokenizers/ascii.h"

namespace broadsheet {
namespace {

constexpr uint8_t bits(CodePointClass which) {
  return static_cast<uint8_t>(which);
}

}  // namespace

bool normalize_code_point(char32_t c, const BertNormalizerOptions& options, std::u32string& out) {
  const UnicodeClasses& classes = unicode_classes();
  if (options.clean_text) {
    if (classes.is(c, CodePointClass::kRemoved)) return true;
    if (classes.is(c, CodePointClass::kWhitespace)) c = U' ';
  }
  std::u32string parts;
  if (options.strip_accents && c >= 0x80)
    append_decomposed(c, parts);
  else
    parts += c;
  for (const char32_t part : parts) {
    const bool mark = classes.is(part, CodePointClass::kMark);
    if (options.strip_accents && c >= 0x80 && !mark && classes.is(part, CodePointClass::kCombines)) return false;
    if (options.strip_accents && mark) continue;
    if (options.lowercase)
      append_lower(part, out);
    else
      out += part;
  }
  return true;
}

BertPass::Kind BertPass::kind_of(char32_t c) {
  const UnicodeClasses& classes = unicode_classes();
  if (classes.is(c, CodePointClass::kWhitespace)) return Kind::kSpace;
  return classes.is(c, CodePointClass::kPunctuation) ? Kind::kPunctuation : Kind::kWord;
}

BertPass::BertPass(const BertNormalizerOptions& options, const WordCutter& words) : options_(options), words_(words) {
  special_classes_ = bits(CodePointClass::kWhitespace) | bits(CodePointClass::kPunctuation);
  if (options.clean_text) special_classes_ |= bits(CodePointClass::kRemoved);
  if (options.lowercase) special_classes_ |= bits(CodePointClass::kHasLower);
  if (options.strip_accents)
    special_classes_ |=
        bits(CodePointClass::kMark) | bits(CodePointClass::kDecomposes) | bits(CodePointClass::kCombines);
  for (char32_t c = 0; c < kTabled; ++c) table_[c] = work_out(c);
}

BertPass::Normal BertPass::work_out(char32_t c) const {
  const bool ideograph = options_.handle_chinese_chars && is_chinese(c);
  if (classes_.plain(c, special_classes_)) return {ideograph ? Kind::kIdeograph : Kind::kWord, c};
  if (ideograph) return {Kind::kMany, c};
  std::u32string normal;
  if (!normalize_code_point(c, options_, normal)) return {Kind::kMovable, c};
  if (normal.empty()) return {Kind::kRemoved, c};
  if (normal.size() > 1) return {Kind::kMany, c};
  return {kind_of(normal[0]), normal[0]};
}

// One text on its way. Between calls, buffer_ holds the beginning of the word that is being read.
class BertPass::Run {
 public:
  Run(const BertPass& pass, std::string_view text, std::vector<int32_t>& ids) : pass_(pass), text_(text), ids_(ids) {}

  bool to_the_end() {
    const bool short_words = pass_.words_.max_chars() >= ShortText::kLongest;
    while (position_ < text_.size()) {
      if (short_words && buffer_.empty() && ascii_word()) continue;
      if (!code_point()) return false;
    }
    flush();
    return true;
  }

 private:
  // Reads a word of ASCII letters and digits that has at most sixteen of them, and the one character behind it. False,
  // with nothing read, where the text goes on in another way.
  bool ascii_word() {
    uint64_t low = eight_at(text_, position_), high = 0;
    size_t length = leading_letters_and_digits(low);
    if (length == 0) return false;
    if (length == 8) {
      high = eight_at(text_, position_ + 8);
      const size_t more = leading_letters_and_digits(high);
      length += more;
      high = first_bytes(high, more);
    }
    low = first_bytes(low, length);
    if (pass_.options_.lowercase) {
      low = ascii_lower(low);
      high = ascii_lower(high);
    }
    const size_t end = position_ + length;
    if (end == text_.size()) {
      word(ShortText(low, high, length));
    } else {
      const Normal next = pass_.table_[static_cast<unsigned char>(text_[end]) & 0x7F];
      const bool ends =
          static_cast<signed char>(text_[end]) >= 0 && (next.kind == Kind::kSpace || next.kind == Kind::kPunctuation);
      if (!ends) return false;
      word(ShortText(low, high, length));
      if (next.kind == Kind::kPunctuation) ids_.push_back(pass_.words_.single(next.code_point));
    }
    position_ = end + 1;
    return true;
  }

  void word(const ShortText& text) {
    const int32_t id = pass_.words_.whole(text);
    if (id >= 0) {
      ids_.push_back(id);
      return;
    }
    char bytes[ShortText::kLongest];
    std::memcpy(bytes, &text.low, 8);
    std::memcpy(bytes + 8, &text.high, 8);
    pass_.words_.cut({bytes, text.length}, ids_);
  }

  // Reads one code point.
  bool code_point() {
    const size_t begin = position_;
    const auto byte = static_cast<unsigned char>(text_[position_]);
    const char32_t c = byte < 0x80 ? text_[position_++] : next_code_point(text_, position_);
    const Normal normal = pass_.normal(c);
    if (normal.kind == Kind::kMovable) return false;
    if (normal.kind == Kind::kMany) return many(c);
    if (normal.kind == Kind::kWord && normal.code_point == c && c != 0xFFFD)
      buffer_.append(text_, begin, position_ - begin);
    else
      put(normal);
    return true;
  }

  void put(const Normal& normal) {
    if (normal.kind == Kind::kRemoved) return;
    if (normal.kind == Kind::kWord) {
      append_utf8(normal.code_point, buffer_);
      return;
    }
    flush();
    if (normal.kind != Kind::kSpace) ids_.push_back(pass_.words_.single(normal.code_point));
  }

  bool many(char32_t c) {
    std::u32string parts;
    if (!normalize_code_point(c, pass_.options_, parts)) return false;
    const bool alone = pass_.options_.handle_chinese_chars && is_chinese(c);
    if (alone) flush();
    for (const char32_t part : parts) put({kind_of(part), part});
    if (alone) flush();
    return true;
  }

  void flush() {
    if (buffer_.empty()) return;
    const std::string_view whole = buffer_;
    const bool short_word = whole.size() <= ShortText::kLongest && whole.size() <= pass_.words_.max_chars();
    const int32_t id = short_word ? pass_.words_.whole(ShortText(whole)) : -1;
    if (id >= 0)
      ids_.push_back(id);
    else
      pass_.words_.cut(whole, ids_);
    buffer_.clear();
  }

  const BertPass& pass_;
  const std::string_view text_;
  std::vector<int32_t>& ids_;
  size_t position_ = 0;
  std::string buffer_;
};

bool BertPass::encode(std::string_view text, std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  if (Run(*this, text, ids).to_the_end()) return true;
  ids.resize(before);
  return false;
}

}  // namespace broadsheet
