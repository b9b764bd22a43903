// The tokenizer on standard input, for tests against other implementations.
//   tokenize_lines FOLDER encode          texts -> ids
//   tokenize_lines FOLDER decode          ids, separated by spaces -> text
//   tokenize_lines FOLDER pair BUDGET     two texts in turn -> ids of both after truncation, "|" between
//   tokenize_lines FOLDER info            no input -> fingerprint, vocabulary size, special ids
// Every input and every decoded text is a little-endian uint32 of its bytes, then the bytes; ids come one line a text.
#include <cstdint>
#include <cstring>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "core/errors.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {
namespace {

constexpr uint32_t kMaxText = uint32_t{64} << 20;

std::optional<std::string> read_text() {
  unsigned char head[4];
  if (!std::cin.read(reinterpret_cast<char*>(head), 4)) return std::nullopt;
  const uint32_t size = head[0] | uint32_t{head[1]} << 8 | uint32_t{head[2]} << 16 | uint32_t{head[3]} << 24;
  if (size > kMaxText) throw UserError("usage", "a text is too long", "");
  std::string text(size, '\0');
  if (!std::cin.read(text.data(), size)) throw UserError("usage", "the input ends inside a text", "");
  return text;
}

void write_text(const std::string& text) {
  const auto size = static_cast<uint32_t>(text.size());
  for (int shift = 0; shift < 32; shift += 8) std::cout.put(static_cast<char>(size >> shift));
  std::cout << text;
}

void write_ids(const std::vector<int32_t>& ids) {
  for (size_t i = 0; i < ids.size(); ++i) std::cout << (i > 0 ? " " : "") << ids[i];
}

int run(const std::vector<std::string>& arguments) {
  const auto tokenizer = load_tokenizer(arguments.at(1));
  const std::string& mode = arguments.at(2);
  if (mode == "info") {
    const SpecialTokens special = tokenizer->special_tokens();
    std::cout << tokenizer->fingerprint() << ' ' << tokenizer->vocab_size() << ' ' << special.pad << ' ' << special.unk
              << ' ' << special.cls << ' ' << special.sep << ' ' << special.mask << '\n';
    return 0;
  }
  while (const auto text = read_text()) {
    if (mode == "decode") {
      std::istringstream stream(*text);
      std::vector<int32_t> ids;
      for (int32_t id = 0; stream >> id;) ids.push_back(id);
      write_text(tokenizer->decode(ids));
      continue;
    }
    std::vector<int32_t> first = tokenizer->encode(*text);
    if (mode == "pair") {
      std::vector<int32_t> second = tokenizer->encode(read_text().value());
      truncate_longest_first(first, second, std::stoul(arguments.at(3)));
      write_ids(first);
      std::cout << '|';
      first = second;
    }
    write_ids(first);
    std::cout << '\n';
  }
  return 0;
}

}  // namespace
}  // namespace broadsheet

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  try {
    return broadsheet::run({argv, argv + argc});
  } catch (const broadsheet::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.exit_code());
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 70;
  }
}
