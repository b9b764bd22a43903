#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/tokenizers/bpe_files.h"
#include "data/tokenizers/byte_alphabet.h"
#include "data/tokenizers/json_section.h"
#include "data/tokenizers/special_names.h"

namespace broadsheet {
namespace {

using Json = nlohmann::json;

constexpr const char* kEndOfText = "<|endoftext|>";
constexpr size_t kLongestToken = 512;  // bytes; splitting takes time by the square

[[noreturn]] void fail_at(const std::string& file, int line, const std::string& what) {
  throw UserError(
      Fault{"tokenizer.ranks", {file, line, line > 0 ? 1 : 0}, "", printable(what, 400), "download the file again"});
}

int value_of_digit(char c) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const size_t found = kDigits.find(c);
  return found == std::string_view::npos ? -1 : static_cast<int>(found);
}

// RFC 4648, section 4: with its padding, and no bits left over.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.back() == '='; ++padding) text.remove_suffix(1);
  std::string bytes;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const int digit = value_of_digit(c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held);
    bits &= (uint32_t{1} << held) - 1;
  }
  return bits == 0 && held < 6 ? std::optional(bytes) : std::nullopt;
}

// The lines of one file, as they come.
class RankReader {
 public:
  explicit RankReader(const std::string& file) : file_(file) {}

  void read() {
    const std::string text = read_file(file_, kMaxTokenizerBytes);
    each_line(text, [this](std::string_view line, int number) {
      if (!line.empty()) read_line(line, number);
    });
  }
  // By rank; "" where no line has it. Every byte is a token by itself.
  std::vector<std::string> take() {
    for (int byte = 0; byte < 256; ++byte)
      if (lines_.count(std::string(1, static_cast<char>(byte))) == 0)
        fail_at(file_, 0, cat("has no token for byte ", byte, ": wanted one for each of the 256"));
    return std::move(tokens_);
  }

 private:
  void read_line(std::string_view line, int number) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::optional<std::string> token = decode_base64(line.substr(0, space));
    if (!token) fail_at(file_, number, cat("'", line.substr(0, space), "' is not base64"));
    if (token->size() > kLongestToken)
      fail_at(file_, number, cat("the token has ", token->size(), " bytes, wanted at most ", kLongestToken));
    const std::string_view digits = line.substr(std::min(space + 1, line.size()));
    size_t rank = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || rank >= kMaxVocabulary)
      fail_at(file_, number, cat("'", digits, "' is not a rank: wanted a whole number below ", kMaxVocabulary));
    const auto [same, is_new] = lines_.emplace(*token, number);
    if (!is_new) fail_at(file_, number, cat("the token '", *token, "' is on line ", same->second, " already"));
    if (tokens_.size() <= rank) tokens_.resize(rank + 1);
    if (!tokens_[rank].empty())
      fail_at(file_, number, cat("rank ", rank, " is on line ", lines_[tokens_[rank]], " already"));
    tokens_[rank] = *token;
  }

  const std::string& file_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, int> lines_;
};

// Merging by rank: of two neighbours whose bytes together are a token, the one of the least rank first. As long as
// nothing is merged across a token's ends, what happens inside is what happens to its bytes alone; so a token has one
// pair that makes it, the two that are left of its bytes. Those may be of higher ranks than it.
class PairsOfRanks {
 public:
  explicit PairsOfRanks(const std::vector<std::string>& tokens) {
    ids_.reserve(tokens.size());
    for (size_t id = 0; id < tokens.size(); ++id)
      if (!tokens[id].empty()) ids_.emplace(tokens[id], static_cast<int32_t>(id));
  }
  // Nothing where merging never makes the token, of two bytes or more.
  std::optional<BpeMerge> pair(std::string_view token, int32_t rank) {
    ends_.resize(token.size() + 1);
    for (size_t i = 0; i < ends_.size(); ++i) ends_[i] = i;
    joined_.resize(token.size() - 1);
    for (size_t i = 0; i < joined_.size(); ++i) joined_[i] = rank_at(token, i);
    while (joined_.size() > 1) {
      const auto least = std::min_element(joined_.begin(), joined_.end());
      if (*least == kNone) return std::nullopt;
      const auto place = least - joined_.begin();
      joined_.erase(least);
      ends_.erase(ends_.begin() + place + 1);
      const auto at = static_cast<size_t>(place);
      if (at < joined_.size()) joined_[at] = rank_at(token, at);
      if (at > 0) joined_[at - 1] = rank_at(token, at - 1);
    }
    return BpeMerge{find(token.substr(0, ends_[1])), find(token.substr(ends_[1])), rank};
  }

 private:
  static constexpr int32_t kNone = INT32_MAX;

  int32_t find(std::string_view bytes) const {
    const auto found = ids_.find(bytes);
    return found == ids_.end() ? kNone : found->second;
  }
  // Of parts i and i + 1 together.
  int32_t rank_at(std::string_view token, size_t i) const {
    return find(token.substr(ends_[i], ends_[i + 2] - ends_[i]));
  }

  std::unordered_map<std::string_view, int32_t> ids_;
  std::vector<size_t> ends_;     // where parts begin, and the end of the last
  std::vector<int32_t> joined_;  // by part: what it and the next one are together
};

void read_special_tokens(const std::string& folder, const std::string& file, BpeSpec& spec) {
  const std::string sidecar = folder + "/added_tokens.json";
  const Json tokens = exists(sidecar) ? read_tokenizer_json_file(sidecar) : Json{{kEndOfText, spec.vocabulary.size()}};
  const JsonSection section(sidecar, "", tokens);
  const auto highest = static_cast<int64_t>(spec.vocabulary.size() + tokens.size()) - 1;
  for (const auto& [text, value] : tokens.items()) {
    const auto id = static_cast<size_t>(section.integer_in(text, value, 0, highest));
    if (spec.vocabulary.size() <= id) spec.vocabulary.resize(id + 1);
    if (!spec.vocabulary[id].empty())
      section.fail("config", text, cat("has id ", id, ", which is another token's"), "give it an id of its own");
    spec.vocabulary[id] = text;
    spec.added.push_back({static_cast<int32_t>(id), text, false, false, false, false, true});
  }
  std::sort(spec.added.begin(), spec.added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const auto gap = std::find(spec.vocabulary.begin(), spec.vocabulary.end(), "");
  if (gap != spec.vocabulary.end())
    fail_at(file, 0, cat("has no token of rank ", gap - spec.vocabulary.begin(), ", and no special token has that id"));
  read_special_names(folder, spec.names);
}

}  // namespace

BpeSpec read_bpe_ranks(const std::string& folder, const std::string& file) {
  RankReader reader(file);
  reader.read();
  const std::vector<std::string> tokens = reader.take();
  BpeSpec spec;
  spec.names = {};
  spec.vocabulary.reserve(tokens.size() + 1);
  for (const std::string& token : tokens) spec.vocabulary.push_back(token_of_bytes(token));
  PairsOfRanks pairs(tokens);
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].size() < 2) continue;
    const std::optional<BpeMerge> merge = pairs.pair(tokens[id], static_cast<int32_t>(id));
    if (merge)
      spec.merges.push_back(*merge);
    else
      spec.ignore_merges = true;  // tiktoken makes such a token of a whole word all the same
  }
  read_special_tokens(folder, file, spec);
  return spec;
}

}  // namespace broadsheet
