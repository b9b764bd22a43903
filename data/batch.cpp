#include "data/batch.h"

#include <algorithm>
#include <utility>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

void check_specials(const PackSpec& spec) {
  if ((spec.marks_begin && spec.specials.cls < 0) || spec.specials.sep < 0)
    throw UserError("tokenizer.no_specials", "the tokenizer has no [CLS] or no [SEP] token",
                    "use the tokenizer of a BERT model");
}

int64_t special_count(const PackSpec& spec) {
  return spec.text_pair.empty() ? 2 : 2 + spec.pair_separators;
}

// Whether the last piece of a document's text is this one.
bool is_last_piece(const ShardSet& corpus, Split split, int64_t example) {
  const int64_t next = example + 1;
  return next >= corpus.size(split) || corpus.document_of(split, next) != corpus.document_of(split, example);
}

class Packer {
 public:
  Packer(Batch& batch, const PackSpec& spec, size_t sequences)
      : batch_(batch), spec_(spec), budget_(static_cast<size_t>(text_budget(spec))) {
    check_specials(spec);
    batch_.boundaries.reserve(sequences + 1);
    batch_.examples.reserve(sequences);
    batch_.documents.reserve(sequences);
    batch_.boundaries.push_back(0);
  }

  // `whole`: nothing of the document comes after this text.
  void add(int64_t example, int64_t document, TokenIds text, TokenIds pair, bool whole) {
    position_ = 0;
    whole = whole && text.size() + pair.size() <= budget_;
    if (!spec_.text_pair.empty() && text.size() + pair.size() > budget_) {
      // Only the first `budget` ids of either can survive.
      text = text.first(std::min(text.size(), budget_));
      pair = pair.first(std::min(pair.size(), budget_));
      first_.assign(text.begin(), text.end());
      second_.assign(pair.begin(), pair.end());
      truncate_longest_first(first_, second_, budget_);
      text = first_;
      pair = second_;
    } else if (text.size() > budget_) {
      const size_t tail = spec_.long_documents == LongDocuments::kHeadTail ? budget_ - budget_ / 4 : 0;
      first_.assign(text.begin(), text.begin() + static_cast<ptrdiff_t>(budget_ - tail));
      first_.insert(first_.end(), text.end() - static_cast<ptrdiff_t>(tail), text.end());
      text = first_;
    }
    if (spec_.marks_begin) push(spec_.specials.cls, 0);
    for (const int32_t id : text) push(id, 0);
    if (ends_with_token(whole, text.size()) || !spec_.text_pair.empty()) push(spec_.specials.sep, 0);
    if (!spec_.text_pair.empty()) add_pair(pair);
    batch_.boundaries.push_back(batch_.total());
    batch_.examples.push_back(example);
    batch_.documents.push_back(document);
  }

 private:
  bool ends_with_token(bool whole, size_t tokens) const {
    if (spec_.end == TextEnd::kIfEmpty) return tokens == 0;
    return whole || spec_.end == TextEnd::kAlways;
  }
  // Behind the first text and the token that ends it.
  void add_pair(TokenIds pair) {
    for (int64_t more = 1; more < spec_.pair_separators; ++more) push(spec_.specials.sep, 0);
    const int64_t type = spec_.pair_types ? 1 : 0;
    for (const int32_t id : pair) push(id, type);
    if (spec_.end == TextEnd::kAlways) push(spec_.specials.sep, type);
  }
  void push(int32_t id, int64_t type) {
    batch_.tokens.push_back(id);
    batch_.positions.push_back(position_++);
    batch_.token_types.push_back(type);
  }

  Batch& batch_;
  const PackSpec& spec_;
  size_t budget_;
  int64_t position_ = 0;
  std::vector<int32_t> first_, second_;
};

}  // namespace

int64_t text_budget(const PackSpec& spec) {
  const int64_t specials = special_count(spec);
  if (spec.max_length < specials + 1)
    throw UserError("data.max_length", cat("max_length is ", spec.max_length),
                    cat("use at least ", specials + 1, ", ", specials, " of which are special tokens"));
  return spec.max_length - specials;
}

std::shared_ptr<const ShardSet> examples_of(std::shared_ptr<const ShardSet> corpus, const PackSpec& spec) {
  if (spec.long_documents != LongDocuments::kSplit) return corpus;
  return in_pieces(std::move(corpus), spec.text, text_budget(spec));
}

int64_t packed_length(const ShardSet& corpus, const PackSpec& spec, int64_t document) {
  int64_t size = corpus.token_count(spec.split, spec.text, document);
  if (!spec.text_pair.empty()) size += corpus.token_count(spec.split, spec.text_pair, document);
  const int64_t budget = text_budget(spec);
  int64_t specials = special_count(spec);
  if (!spec.marks_begin) --specials;
  const bool cut = size > budget;
  if (spec.end == TextEnd::kIfEmpty && (size > 0 || !spec.text_pair.empty())) --specials;
  if (spec.end == TextEnd::kOfDocument && (cut || !is_last_piece(corpus, spec.split, document))) --specials;
  return std::min(size, budget) + specials;
}

Batch pack(const ShardSet& corpus, const PackSpec& spec, const std::vector<int64_t>& examples) {
  Batch batch;
  Packer packer(batch, spec, examples.size());
  for (const int64_t example : examples) {
    const auto text = corpus.tokens(spec.split, spec.text, example);
    packer.add(example, corpus.document_of(spec.split, example), text,
               spec.text_pair.empty() ? TokenIds() : corpus.tokens(spec.split, spec.text_pair, example),
               spec.end != TextEnd::kOfDocument || is_last_piece(corpus, spec.split, example));
  }
  return batch;
}

Batch pack_texts(const Tokenizer& tokenizer, const PackSpec& spec, const std::vector<std::string>& texts,
                 const std::vector<std::string>& pairs) {
  BROADSHEET_ASSERT(spec.text_pair.empty() || pairs.size() == texts.size());
  Batch batch;
  Packer packer(batch, spec, texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<int32_t> text = tokenizer.encode(texts[i]);
    const std::vector<int32_t> pair = spec.text_pair.empty() ? std::vector<int32_t>() : tokenizer.encode(pairs[i]);
    const auto size = static_cast<int64_t>(text.size());
    const int64_t pieces = spec.long_documents == LongDocuments::kSplit ? piece_count(size, text_budget(spec)) : 1;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const auto [begin, end] = piece_bounds(size, piece, pieces);
      const TokenIds part = TokenIds(text).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
      packer.add(batch.sequences(), static_cast<int64_t>(i), part, pair, piece + 1 == pieces);
    }
  }
  return batch;
}

}  // namespace broadsheet
