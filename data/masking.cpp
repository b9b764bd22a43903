#include "data/masking.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "core/random.h"
#include "data/word_alignment.h"

namespace broadsheet {
namespace {

// The masking site of Note [Random streams belong to examples]: no other stream has this word in its key.
constexpr uint64_t kMaskingSite = 0x6d61736b696e6700ull;
// Blocks of the stream below this belong to positions, those from it on to draws of spans.
constexpr uint64_t kSpanBlocks = uint64_t{1} << 32;
constexpr double kSpanStops = 0.2;  // the geometric distribution's p
constexpr int64_t kLongestSpan = 10;
constexpr int64_t kDrawsPerWord = 4;  // after so many draws for each word the share need not be reached

bool is_special_token(int64_t token, const SpecialTokens& specials) {
  return token == specials.cls || token == specials.sep || token == specials.pad || token == specials.mask ||
         token == specials.unk;
}

struct Word {
  int64_t begin, end;  // rows
};

// Masks a batch's sequences one after the other.
class Masker {
 public:
  Masker(Batch& batch, const MaskingSpec& spec, const WordMarks& marks) : batch_(batch), spec_(spec), marks_(marks) {}

  void mask(size_t sequence) {
    begin_ = batch_.boundaries[sequence];
    stream_ = RandomStream(
        mix(mix(mix(mix64(spec_.seed), kMaskingSite), spec_.step), static_cast<uint64_t>(batch_.examples[sequence])));
    find_words(batch_.boundaries[sequence + 1]);
    if (spec_.unit == MaskingUnit::kSpans) {
      mask_spans();
    } else {
      mask_words();
    }
  }

 private:
  void find_words(int64_t end) {
    words_.clear();
    const bool alone = spec_.unit == MaskingUnit::kTokens;
    for (int64_t row = begin_; row < end; ++row) {
      const auto at = static_cast<size_t>(row);
      if (is_special_token(batch_.tokens[at], spec_.specials)) continue;
      const bool goes_on = !alone && marks_[at] != 0 && !words_.empty() && words_.back().end == row;
      if (goes_on) {
        ++words_.back().end;
      } else {
        words_.push_back({row, row + 1});
      }
    }
  }

  void mask_words() {
    const double threshold = spec_.probability * 0x1p32;
    for (const Word& word : words_) {
      PhiloxCounter block = block_of(word.begin);
      if (block[0] >= threshold) continue;
      choose(word.begin, block[1], block[2]);
      for (int64_t row = word.begin + 1; row < word.end; ++row) {
        block = block_of(row);
        choose(row, block[1], block[2]);
      }
    }
  }

  void mask_spans() {
    if (words_.empty()) return;
    int64_t tokens = 0;
    for (const Word& word : words_) tokens += word.end - word.begin;
    const auto wanted = std::max<int64_t>(1, std::llround(spec_.probability * static_cast<double>(tokens)));
    std::vector<int64_t> kinds(words_.size(), -1);  // of chosen words: the draw that says what becomes of the span
    const auto words = static_cast<int64_t>(words_.size());
    int64_t chosen = 0;
    for (int64_t draw = 0; chosen < wanted && draw < kDrawsPerWord * words; ++draw) {
      const PhiloxCounter block = stream_.block(kSpanBlocks + static_cast<uint64_t>(draw));
      const auto first = static_cast<int64_t>((uint64_t{block[0]} * static_cast<uint64_t>(words)) >> 32);
      const int64_t last = std::min(words, first + span_length(block[1]));
      for (int64_t word = first; word < last && chosen < wanted; ++word) {
        int64_t& kind = kinds[static_cast<size_t>(word)];
        if (kind >= 0) continue;
        kind = block[2];
        chosen += words_[static_cast<size_t>(word)].end - words_[static_cast<size_t>(word)].begin;
      }
    }
    for (size_t word = 0; word < words_.size(); ++word)
      for (int64_t row = words_[word].begin; kinds[word] >= 0 && row < words_[word].end; ++row)
        choose(row, static_cast<uint32_t>(kinds[word]), block_of(row)[2]);
  }

  // Choice, kind and random id are the first three words of a position's block.
  PhiloxCounter block_of(int64_t row) const { return stream_.block(static_cast<uint64_t>(row - begin_)); }

  static int64_t span_length(uint32_t draw) {
    const double uniform = (draw + 0.5) * 0x1p-32;
    return std::min(kLongestSpan, 1 + static_cast<int64_t>(std::log(uniform) / std::log(1 - kSpanStops)));
  }

  void choose(int64_t row, uint32_t kind, uint32_t other) {
    int64_t& token = batch_.tokens[static_cast<size_t>(row)];
    batch_.labels.push_back(token);
    batch_.loss_rows.push_back(row);
    const double share = kind * 0x1p-32;
    if (share < 0.8) {
      token = spec_.specials.mask;
    } else if (share < 0.9) {
      token = static_cast<int64_t>((uint64_t{other} * static_cast<uint64_t>(spec_.vocab_size)) >> 32);
    }
  }

  Batch& batch_;
  const MaskingSpec& spec_;
  const WordMarks& marks_;
  int64_t begin_ = 0;  // of the sequence
  RandomStream stream_{0};
  std::vector<Word> words_;  // of the sequence
};

}  // namespace

MaskingUnit masking_unit(const std::string& name) {
  if (name == "whole_word") return MaskingUnit::kWords;
  if (name == "span") return MaskingUnit::kSpans;
  BROADSHEET_ASSERT(name == "token");
  return MaskingUnit::kTokens;
}

WordMarks marks_of(const Batch& batch, const Tokenizer& tokenizer) {
  WordMarks marks(batch.tokens.size());
  for (size_t row = 0; row < marks.size(); ++row)
    marks[row] = tokenizer.continues_word(static_cast<int32_t>(batch.tokens[row])) ? 1 : 0;
  for (const int64_t begin : batch.boundaries)
    if (static_cast<size_t>(begin) < marks.size()) marks[static_cast<size_t>(begin)] = 0;
  return marks;
}

void mark_words(const Batch& batch, int64_t sequence, const std::vector<std::string>& words, const Tokenizer& tokenizer,
                WordMarks& marks) {
  for (const WordTokens& word : align_words(batch, sequence, words, tokenizer)) {
    for (int64_t row = word.begin; row < word.end && !word.inside; ++row)
      marks[static_cast<size_t>(row)] = row > word.begin ? 1 : 0;
  }
}

void mask_tokens(Batch& batch, const MaskingSpec& spec, const WordMarks& marks) {
  BROADSHEET_ASSERT(spec.vocab_size > 0);
  BROADSHEET_ASSERT(spec.unit == MaskingUnit::kTokens || marks.size() == batch.tokens.size());
  if (spec.specials.mask < 0)
    throw UserError("tokenizer.no_mask", "the tokenizer has no [MASK] token", "use the tokenizer of a masked model");
  Masker masker(batch, spec, marks);
  for (size_t sequence = 0; sequence < batch.examples.size(); ++sequence) masker.mask(sequence);
}

}  // namespace broadsheet
