#include "data/tokenizers/gpt2_words.h"

#include "data/tokenizers/ascii.h"
#include "data/tokenizers/unicode.h"
#include "data/tokenizers/unicode_tables.h"

namespace broadsheet {
namespace {

template <class Rows>
void classify_rows(std::vector<uint8_t>& classes, const Rows& rows, uint8_t which) {
  for (const auto& row : rows)
    for (char32_t c = row.first; c <= row.last; ++c) classes[c] = which;
}

// The length of 's, 't, 're, 've, 'm, 'll or 'd at the beginning, or 0.
size_t contraction(std::string_view text) {
  if (text.size() < 2) return 0;
  const char first = text[1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (text.size() < 3) return 0;
  const char second = text[2];
  const bool long_one = ((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l');
  return long_one ? 3 : 0;
}

}  // namespace

Gpt2Words::Gpt2Words() : classes_(kCodePoints, kOther) {
  classify_rows(classes_, unicode_tables::kLetters, kLetter);
  classify_rows(classes_, unicode_tables::kNumbers, kNumber);
  classify_rows(classes_, unicode_tables::kWhitespace, kSpace);
}

const Gpt2Words& gpt2_words() {
  static const Gpt2Words words;
  return words;
}

Gpt2Words::Class Gpt2Words::read(std::string_view text, size_t& position) const {
  const auto byte = static_cast<unsigned char>(text[position]);
  if (byte < 0x80) {
    ++position;
    return static_cast<Class>(classes_[byte]);
  }
  return static_cast<Class>(classes_[next_code_point(text, position)]);
}

size_t Gpt2Words::end_of_run(std::string_view text, size_t position, Class which) const {
  if (which == kLetter) {
    size_t letters = 0;
    do {
      letters = leading_letters(eight_at(text, position));
      position += letters;
    } while (letters == 8);
  }
  while (position < text.size()) {
    size_t next = position;
    if (read(text, next) != which) break;
    position = next;
  }
  return position;
}

// All of them at the text's end; otherwise without the last one, which the next word may take, unless it is the only
// one.
size_t Gpt2Words::end_of_spaces(std::string_view text, size_t begin) const {
  size_t last = begin, end = begin;
  while (end < text.size()) {
    size_t next = end;
    if (read(text, next) != kSpace) return last > begin ? last : end;
    last = end;
    end = next;
  }
  return end;
}

size_t Gpt2Words::end_of_word(std::string_view text, size_t begin) const {
  if (text[begin] == '\'') {
    if (const size_t length = contraction(text.substr(begin)); length > 0) return begin + length;
  }
  size_t position = begin + (text[begin] == ' ' && begin + 1 < text.size() ? 1 : 0);
  const Class which = read(text, position);
  return which == kSpace ? end_of_spaces(text, begin) : end_of_run(text, position, which);
}

ShortText Gpt2Words::short_ascii_word(std::string_view text, size_t begin) {
  uint64_t low = eight_at(text, begin), high = 0;
  uint64_t letters = ascii_letters(low);
  const bool space = text[begin] == ' ';
  if (space) letters |= 0x80;
  size_t length = leading(letters);
  if (length == 8) {
    high = eight_at(text, begin + 8);
    const size_t more = leading_letters(high);
    length += more;
    high = first_bytes(high, more);
  }
  const size_t end = begin + length;
  const bool goes_on = length == ShortText::kLongest || (end < text.size() && static_cast<signed char>(text[end]) < 0);
  if (length == size_t{space} || goes_on) return {};
  return {first_bytes(low, length), high, length};
}

bool Gpt2Words::begins_within_word(std::string_view bytes) const {
  size_t position = 0;
  if ((static_cast<uint8_t>(bytes[0]) & 0xC0) == 0x80) return true;
  const Class which = read(bytes, position);
  return which == kLetter || which == kNumber;
}

}  // namespace broadsheet
