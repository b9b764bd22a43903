#include "data/batch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <numeric>

#include "core/errors.h"
#include "data/masking.h"

namespace broadsheet {
namespace {

constexpr SpecialTokens kSpecials{.pad = 0, .unk = 1, .cls = 2, .sep = 3, .mask = 4};
constexpr int32_t kVocabularySize = 1000;

// A corpus in memory: two text fields.
class FakeCorpus : public ShardSet {
 public:
  std::vector<std::vector<int32_t>> texts, pairs;

  const std::string& folder() const override { return name_; }
  const std::string& name() const override { return name_; }
  const std::string& fingerprint() const override { return name_; }
  const std::string& tokenizer_fingerprint() const override { return name_; }
  const std::vector<FieldInfo>& fields() const override { return fields_; }
  int64_t size(Split) const override { return static_cast<int64_t>(texts.size()); }
  int64_t total_tokens(Split, const std::string&) const override { return 0; }
  TokenIds tokens(Split, const std::string& field, int64_t document) const override {
    return (field == "pair" ? pairs : texts)[static_cast<size_t>(document)];
  }
  int32_t label(Split, const std::string&, int64_t) const override { return 0; }
  std::vector<int32_t> labels(Split, const std::string&, int64_t) const override { return {}; }
  std::vector<std::string> list(Split, const std::string&, int64_t) const override { return {}; }
  double number(Split, const std::string&, int64_t) const override { return 0; }
  std::string string(Split, const std::string&, int64_t) const override { return ""; }

 private:
  std::string name_ = "fake";
  std::vector<FieldInfo> fields_;
};

class LetterTokenizer : public Tokenizer {
 public:
  void encode_into(std::string_view text, std::vector<int32_t>& ids) const override {
    for (const char c : text) ids.push_back(100 + c);
  }
  std::string decode(const std::vector<int32_t>&) const override { return ""; }
  int32_t vocab_size() const override { return kVocabularySize; }
  const std::string& token(int32_t) const override { return name_; }
  SpecialTokens special_tokens() const override { return kSpecials; }
  bool continues_word(int32_t id) const override { return id >= 500; }
  const std::string& fingerprint() const override { return name_; }

 private:
  std::string name_ = "letters";
};

PackSpec spec_of(int64_t max_length, const std::string& pair = "") {
  return {.split = Split::kTrain, .text = "text", .text_pair = pair, .max_length = max_length, .specials = kSpecials};
}

std::vector<int32_t> counting(int32_t first, size_t count) {
  std::vector<int32_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST(Pack, LaysSequencesEndToEndWithoutPadding) {
  FakeCorpus corpus;
  corpus.texts = {{10, 11, 12}, {20}, {}};
  const Batch batch = pack(corpus, spec_of(16), {1, 0, 2});
  EXPECT_EQ(batch.tokens, (std::vector<int64_t>{2, 20, 3, 2, 10, 11, 12, 3, 2, 3}));
  EXPECT_EQ(batch.positions, (std::vector<int64_t>{0, 1, 2, 0, 1, 2, 3, 4, 0, 1}));
  EXPECT_EQ(batch.token_types, std::vector<int64_t>(10, 0));
  EXPECT_EQ(batch.boundaries, (std::vector<int64_t>{0, 3, 8, 10}));
  EXPECT_EQ(batch.examples, (std::vector<int64_t>{1, 0, 2}));
}

TEST(Pack, APairIsClsTextSepPairSep) {
  FakeCorpus corpus;
  corpus.texts = {{10, 11}};
  corpus.pairs = {{20}};
  const Batch batch = pack(corpus, spec_of(16, "pair"), {0});
  EXPECT_EQ(batch.tokens, (std::vector<int64_t>{2, 10, 11, 3, 20, 3}));
  EXPECT_EQ(batch.token_types, (std::vector<int64_t>{0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(batch.positions, (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
}

// <s> A </s></s> B </s>, as transformers' RobertaTokenizer has it; DistilBERT's is BERT's without types.
TEST(Pack, APairMayHaveMoreTokensBetweenAndNoTypes) {
  FakeCorpus corpus;
  corpus.texts = {{10, 11}, counting(10, 30)};
  corpus.pairs = {{20}, counting(50, 30)};
  PackSpec spec = spec_of(16, "pair");
  spec.pair_types = false;
  EXPECT_EQ(pack(corpus, spec, {0}).tokens, (std::vector<int64_t>{2, 10, 11, 3, 20, 3}));
  EXPECT_EQ(pack(corpus, spec, {0}).token_types, std::vector<int64_t>(6, 0));
  spec.pair_separators = 2;
  const Batch batch = pack(corpus, spec, {0, 1});
  EXPECT_EQ(batch.tokens, (std::vector<int64_t>{2, 10, 11, 3,  3,  20, 3,  //
                                                2, 10, 11, 12, 13, 14, 15, 3, 3, 50, 51, 52, 53, 54, 55, 3}));
  EXPECT_EQ(batch.token_types, std::vector<int64_t>(23, 0));
  for (int64_t document = 0; document < 2; ++document) {
    EXPECT_EQ(packed_length(corpus, spec, document),
              batch.boundaries[static_cast<size_t>(document) + 1] - batch.boundaries[static_cast<size_t>(document)]);
  }
}

TEST(Pack, AnEmptyBatchHasOneBoundary) {
  const Batch batch = pack(FakeCorpus(), spec_of(16), {});
  EXPECT_EQ(batch.boundaries, std::vector<int64_t>{0});
  EXPECT_EQ(batch.sequences(), 0);
}

TEST(Pack, LongTextsKeepTheirBeginning) {
  FakeCorpus corpus;
  corpus.texts = {counting(10, 100)};
  const Batch batch = pack(corpus, spec_of(8), {0});
  EXPECT_EQ(batch.tokens, (std::vector<int64_t>{2, 10, 11, 12, 13, 14, 15, 3}));
}

TEST(Pack, ATextWithoutBeginEndsWhereItsDocumentDoes) {
  FakeCorpus corpus;
  corpus.texts = {counting(10, 6), {20, 21}, {}};
  PackSpec spec = spec_of(6);
  spec.marks_begin = false;
  spec.end = TextEnd::kOfDocument;
  EXPECT_EQ(pack(corpus, spec, {0, 1, 2}).tokens, (std::vector<int64_t>{10, 11, 12, 13, 20, 21, 3, 3}));
  EXPECT_EQ(pack(corpus, spec, {0, 1, 2}).boundaries, (std::vector<int64_t>{0, 4, 7, 8}));
  spec.long_documents = LongDocuments::kSplit;
  const auto pieces = examples_of(std::make_shared<FakeCorpus>(corpus), spec);
  ASSERT_EQ(pieces->size(Split::kTrain), 4);
  const Batch batch = pack(*pieces, spec, {0, 1, 2, 3});
  EXPECT_EQ(batch.tokens, (std::vector<int64_t>{10, 11, 12, 13, 14, 15, 3, 20, 21, 3, 3}));
  for (int64_t piece = 0; piece < 4; ++piece)
    EXPECT_EQ(packed_length(*pieces, spec, piece), batch.boundaries[piece + 1] - batch.boundaries[piece]) << piece;
  const std::vector<std::string> texts = {"abcdef", "ab"};
  EXPECT_EQ(pack_texts(LetterTokenizer(), spec, texts, {}).tokens,
            (std::vector<int64_t>{197, 198, 199, 200, 201, 202, 3, 197, 198, 3}));
}

TEST(Pack, ATextWithoutBeginAndEndHasATokenAllTheSame) {
  FakeCorpus corpus;
  corpus.texts = {counting(10, 6), {20}, {}};
  corpus.pairs = {{30}, {}, {}};
  PackSpec spec = spec_of(7);
  spec.marks_begin = false;
  spec.end = TextEnd::kIfEmpty;
  EXPECT_EQ(pack(corpus, spec, {0, 1, 2}).tokens, (std::vector<int64_t>{10, 11, 12, 13, 14, 20, 3}));
  spec.text_pair = "pair";
  const Batch pairs = pack(corpus, spec, {0, 1, 2});
  EXPECT_EQ(pairs.tokens, (std::vector<int64_t>{10, 11, 12, 3, 30, 20, 3, 3}));
  for (const std::string& second : {std::string(), std::string("pair")}) {
    spec.text_pair = second;
    const Batch batch = pack(corpus, spec, {0, 1, 2});
    for (int64_t d = 0; d < 3; ++d)
      EXPECT_EQ(packed_length(corpus, spec, d), batch.boundaries[d + 1] - batch.boundaries[d]) << second << d;
  }
}

TEST(Pack, PairsAreTruncatedLongestFirst) {
  for (const auto& [first, second] :
       {std::pair<size_t, size_t>{50, 3}, {3, 50}, {40, 40}, {39, 40}, {7, 6}, {6, 7}, {0, 30}, {200, 200}}) {
    FakeCorpus corpus;
    corpus.texts = {counting(100, first)};
    corpus.pairs = {counting(500, second)};
    std::vector<int32_t> a = corpus.texts[0], b = corpus.pairs[0];
    truncate_longest_first(a, b, 13);
    std::vector<int64_t> wanted = {2};
    wanted.insert(wanted.end(), a.begin(), a.end());
    wanted.push_back(3);
    wanted.insert(wanted.end(), b.begin(), b.end());
    wanted.push_back(3);
    const Batch batch = pack(corpus, spec_of(16, "pair"), {0});
    EXPECT_EQ(batch.tokens, wanted) << first << " " << second;
    EXPECT_EQ(packed_length(corpus, spec_of(16, "pair"), 0), batch.total());
  }
}

TEST(Pack, PackedLengthIsTheLengthOfWhatIsPacked) {
  FakeCorpus corpus;
  for (size_t size = 0; size < 40; ++size) corpus.texts.push_back(counting(10, size));
  for (int64_t document = 0; document < 40; ++document)
    for (const int64_t max_length : {3, 8, 128})
      EXPECT_EQ(packed_length(corpus, spec_of(max_length), document),
                pack(corpus, spec_of(max_length), {document}).total());
}

TEST(Pack, TextsGiveTheSameAsACorpusOfThem) {
  const LetterTokenizer tokenizer;
  FakeCorpus corpus;
  corpus.texts = {tokenizer.encode("abc"), tokenizer.encode("a longer text than eight")};
  const Batch from_texts = pack_texts(tokenizer, spec_of(8), {"abc", "a longer text than eight"}, {});
  const Batch from_corpus = pack(corpus, spec_of(8), {0, 1});
  EXPECT_EQ(from_texts.tokens, from_corpus.tokens);
  EXPECT_EQ(from_texts.boundaries, from_corpus.boundaries);
  EXPECT_EQ(from_texts.examples, from_corpus.examples);
}

TEST(Pack, RefusesLengthsThatLeaveNoRoomAndTokenizersWithoutSpecials) {
  FakeCorpus corpus;
  corpus.texts = {{10}};
  EXPECT_THROW(pack(corpus, spec_of(2), {0}), UserError);
  PackSpec spec = spec_of(8);
  spec.specials.cls = -1;
  EXPECT_THROW(pack(corpus, spec, {0}), UserError);
}

MaskingSpec masking(uint64_t step = 0, uint64_t seed = 1) {
  return {.probability = 0.15, .seed = seed, .step = step, .vocab_size = kVocabularySize, .specials = kSpecials};
}

FakeCorpus random_corpus(int documents) {
  FakeCorpus corpus;
  for (int i = 0; i < documents; ++i)
    corpus.texts.push_back(counting(5 + i % 7, static_cast<size_t>(20 + i * 37 % 100)));
  return corpus;
}

TEST(Masking, IsTheSameWhateverElseIsInTheBatch) {
  const FakeCorpus corpus = random_corpus(20);
  std::vector<int64_t> all(20);
  std::iota(all.begin(), all.end(), 0);
  Batch whole = pack(corpus, spec_of(64), all);
  mask_tokens(whole, masking(7));
  std::vector<int64_t> tokens, labels, rows;
  for (const std::vector<int64_t>& part :
       {std::vector<int64_t>{0, 1, 2}, {3}, {4, 5, 6, 7, 8, 9, 10}, {11, 12, 13, 14, 15, 16, 17, 18, 19}}) {
    Batch batch = pack(corpus, spec_of(64), part);
    mask_tokens(batch, masking(7));
    for (const int64_t row : batch.loss_rows) rows.push_back(row + static_cast<int64_t>(tokens.size()));
    tokens.insert(tokens.end(), batch.tokens.begin(), batch.tokens.end());
    labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
  }
  EXPECT_EQ(whole.tokens, tokens);
  EXPECT_EQ(whole.labels, labels);
  EXPECT_EQ(whole.loss_rows, rows);
}

TEST(Masking, DependsOnSeedStepAndExample) {
  FakeCorpus corpus;
  corpus.texts = {counting(10, 60), counting(10, 60)};
  const auto rows = [&](const MaskingSpec& spec, int64_t document) {
    Batch batch = pack(corpus, spec_of(64), {document});
    mask_tokens(batch, spec);
    return batch.loss_rows;
  };
  EXPECT_EQ(rows(masking(), 0), rows(masking(), 0));
  EXPECT_NE(rows(masking(), 0), rows(masking(1), 0));
  EXPECT_NE(rows(masking(), 0), rows(masking(0, 2), 0));
  EXPECT_NE(rows(masking(), 0), rows(masking(), 1));
}

TEST(Masking, LabelsAreTheOriginalIdsAndOtherRowsAreUntouched) {
  const FakeCorpus corpus = random_corpus(50);
  std::vector<int64_t> all(50);
  std::iota(all.begin(), all.end(), 0);
  const Batch before = pack(corpus, spec_of(64), all);
  Batch after = before;
  mask_tokens(after, masking());
  ASSERT_EQ(after.labels.size(), after.loss_rows.size());
  size_t next = 0;
  for (int64_t row = 0; row < before.total(); ++row) {
    const size_t i = static_cast<size_t>(row);
    if (next < after.loss_rows.size() && after.loss_rows[next] == row) {
      EXPECT_EQ(after.labels[next], before.tokens[i]);
      ++next;
    } else {
      EXPECT_EQ(after.tokens[i], before.tokens[i]);
    }
  }
  EXPECT_EQ(next, after.loss_rows.size());
}

TEST(Masking, SpecialTokensAreNeverChosen) {
  FakeCorpus corpus;
  for (int i = 0; i < 500; ++i) corpus.texts.push_back({0, 1, 2, 3, 4, 50});
  std::vector<int64_t> all(500);
  std::iota(all.begin(), all.end(), 0);
  Batch batch = pack(corpus, spec_of(64), all);
  MaskingSpec spec = masking();
  spec.probability = 1.0;
  mask_tokens(batch, spec);
  EXPECT_EQ(batch.labels, std::vector<int64_t>(500, 50));
}

TEST(Masking, ChoosesFifteenPercentAndTreatsThem80To10To10) {
  FakeCorpus corpus;
  const int64_t documents = 2000, length = 100;
  for (int64_t i = 0; i < documents; ++i) corpus.texts.push_back(std::vector<int32_t>(length, 77));
  std::vector<int64_t> all(static_cast<size_t>(documents));
  std::iota(all.begin(), all.end(), 0);
  Batch batch = pack(corpus, spec_of(128), all);
  mask_tokens(batch, masking());
  const double n = static_cast<double>(documents * length), chosen = static_cast<double>(batch.labels.size());
  const auto within = [](double found, double share, double of) {  // five standard deviations
    return std::abs(found - share * of) < 5 * std::sqrt(of * share * (1 - share));
  };
  EXPECT_TRUE(within(chosen, 0.15, n)) << chosen / n;
  double masked = 0, kept = 0, random = 0, random_sum = 0;
  for (const int64_t row : batch.loss_rows) {
    const int64_t token = batch.tokens[static_cast<size_t>(row)];
    if (token == kSpecials.mask)
      ++masked;
    else if (token == 77)
      ++kept;
    else {
      ++random;
      random_sum += static_cast<double>(token);
      ASSERT_GE(token, 0);
      ASSERT_LT(token, kVocabularySize);
    }
  }
  EXPECT_TRUE(within(masked, 0.8 + 0.1 / kVocabularySize, chosen)) << masked / chosen;
  EXPECT_TRUE(within(kept, 0.1 + 0.1 / kVocabularySize, chosen)) << kept / chosen;
  EXPECT_TRUE(within(random, 0.1 * (1 - 2.0 / kVocabularySize), chosen)) << random / chosen;
  EXPECT_NEAR(random_sum / random, kVocabularySize / 2.0, 5 * kVocabularySize / std::sqrt(12 * random));
}

TEST(Masking, ASequenceInWhichNothingIsChosenIsFine) {
  FakeCorpus corpus;
  corpus.texts = {{50}, {}};
  Batch batch = pack(corpus, spec_of(8), {0, 1});
  MaskingSpec spec = masking();
  spec.probability = 0;
  mask_tokens(batch, spec);
  EXPECT_TRUE(batch.labels.empty());
  EXPECT_TRUE(batch.loss_rows.empty());
}

// Words of 1, 2, 3, 1, 2, 3 ... tokens: the ids from 500 on go on.
FakeCorpus corpus_of_words(int documents, int words) {
  FakeCorpus corpus;
  for (int document = 0; document < documents; ++document) {
    corpus.texts.emplace_back();
    for (int word = 0; word < words; ++word)
      for (int part = 0; part <= word % 3; ++part)
        corpus.texts.back().push_back(100 + word % 200 + (part > 0 ? 400 : 0));
  }
  return corpus;
}
std::vector<int64_t> numbers_to(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(WholeWords, AreChosenOrLeftAsWholes) {
  const FakeCorpus corpus = corpus_of_words(400, 60);
  Batch batch = pack(corpus, spec_of(200), numbers_to(400));
  const WordMarks marks = marks_of(batch, LetterTokenizer());
  const Batch before = batch;
  MaskingSpec spec = masking();
  spec.unit = MaskingUnit::kWords;
  mask_tokens(batch, spec, marks);
  std::vector<bool> chosen(batch.tokens.size());
  for (size_t i = 0; i < batch.loss_rows.size(); ++i) {
    chosen[static_cast<size_t>(batch.loss_rows[i])] = true;
    EXPECT_EQ(batch.labels[i], before.tokens[static_cast<size_t>(batch.loss_rows[i])]);
  }
  for (size_t row = 1; row < chosen.size(); ++row)
    EXPECT_TRUE(before.tokens[row] < 500 || chosen[row] == chosen[row - 1]) << row;
  const double share = static_cast<double>(batch.labels.size()) / (400 * 120);
  EXPECT_NEAR(share, 0.15, 0.01);
  // Each token of a word is masked, replaced or kept by itself.
  bool parted = false;
  for (size_t row = 1; row < chosen.size(); ++row)
    parted |= chosen[row] && before.tokens[row] >= 500 &&
              (batch.tokens[row] == kSpecials.mask) != (batch.tokens[row - 1] == kSpecials.mask);
  EXPECT_TRUE(parted);
}

// Of two sequences the second begins with a token that would go on.
TEST(WholeWords, EndWithTheirSequence) {
  FakeCorpus corpus;
  corpus.texts = {{100, 500}, {501, 502, 101}};
  Batch batch = pack(corpus, spec_of(8), {0, 1});
  const WordMarks marks = marks_of(batch, LetterTokenizer());
  EXPECT_EQ(marks, (WordMarks{0, 0, 1, 0, 0, 1, 1, 0, 0}));
  MaskingSpec spec = masking();
  spec.unit = MaskingUnit::kWords;
  bool apart = false;  // the first word of the second sequence and the last one of the first
  for (uint64_t step = 0; step < 40; ++step) {
    Batch masked = batch;
    spec.step = step;
    spec.probability = 0.5;
    mask_tokens(masked, spec, marks);
    const auto chosen = [&](int64_t row) {
      return std::find(masked.loss_rows.begin(), masked.loss_rows.end(), row) != masked.loss_rows.end();
    };
    EXPECT_EQ(chosen(5), chosen(6));
    apart |= chosen(2) != chosen(5);
  }
  EXPECT_TRUE(apart);
}

TEST(Segmentation, MarksTheTokensOfItsWordsAsFarAsTheySpellTheText) {
  FakeCorpus corpus;
  const LetterTokenizer letters;
  corpus.texts = {letters.encode("abcdef"), letters.encode("abcdef")};
  const Batch batch = pack(corpus, spec_of(7), {0, 1});  // [CLS] a b c d e [SEP], twice
  WordMarks marks = marks_of(batch, letters);
  ASSERT_EQ(marks, WordMarks(14));
  mark_words(batch, 0, {"ab", "c", "def"}, letters, marks);
  EXPECT_EQ(marks, (WordMarks{0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
  mark_words(batch, 1, {"abc", "x", "ef"}, letters, marks);
  EXPECT_EQ(marks, (WordMarks{0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0}));
}

TEST(Spans, ReachTheShareWithRunsOfWholeWords) {
  const int64_t documents = 1000;
  const FakeCorpus corpus = corpus_of_words(documents, 60);
  Batch batch = pack(corpus, spec_of(200), numbers_to(documents));
  const WordMarks marks = marks_of(batch, LetterTokenizer());
  const Batch before = batch;
  MaskingSpec spec = masking();
  spec.unit = MaskingUnit::kSpans;
  mask_tokens(batch, spec, marks);
  std::vector<bool> chosen(batch.tokens.size());
  for (const int64_t row : batch.loss_rows) chosen[static_cast<size_t>(row)] = true;
  std::map<int64_t, int64_t> runs;  // of words
  int64_t same = 0, neighbours = 0;
  for (int64_t sequence = 0; sequence < documents; ++sequence) {
    int64_t tokens = 0, run = 0;
    for (auto row = static_cast<size_t>(batch.boundaries[static_cast<size_t>(sequence)]);
         row < static_cast<size_t>(batch.boundaries[static_cast<size_t>(sequence) + 1]); ++row) {
      tokens += chosen[row] ? 1 : 0;
      if (before.tokens[row] >= 500) {
        EXPECT_EQ(chosen[row], chosen[row - 1]);
        if (chosen[row]) {
          ++neighbours;
          same += (batch.tokens[row] == kSpecials.mask) == (batch.tokens[row - 1] == kSpecials.mask);
        }
        continue;
      }
      if (!chosen[row] && run > 0) ++runs[run];
      run = chosen[row] ? run + 1 : 0;
    }
    EXPECT_GE(tokens, 18);  // 15 % of 120
    EXPECT_LE(tokens, 20);  // the last word may have three
  }
  EXPECT_EQ(same, neighbours);  // what becomes of a span is drawn once
  double spans = 0, words = 0;
  for (const auto& [length, count] : runs) {
    spans += static_cast<double>(count);
    words += static_cast<double>(length * count);
  }
  EXPECT_GT(words / spans, 2.5);  // 3.8 words in the mean, less what is cut where the share is reached
  EXPECT_LT(words / spans, 5);
}

TEST(Spans, AreTheSameWhateverElseIsInTheBatch) {
  const FakeCorpus corpus = corpus_of_words(12, 50);
  const LetterTokenizer letters;
  MaskingSpec spec = masking(3);
  spec.unit = MaskingUnit::kSpans;
  Batch whole = pack(corpus, spec_of(200), numbers_to(12));
  mask_tokens(whole, spec, marks_of(whole, letters));
  std::vector<int64_t> tokens;
  for (int64_t document = 0; document < 12; ++document) {
    Batch one = pack(corpus, spec_of(200), {document});
    mask_tokens(one, spec, marks_of(one, letters));
    tokens.insert(tokens.end(), one.tokens.begin(), one.tokens.end());
  }
  EXPECT_EQ(tokens, whole.tokens);
}

TEST(Pack, HeadTailKeepsAQuarterOfTheBeginningAndTheRestOfTheEnd) {
  FakeCorpus corpus;
  corpus.texts = {counting(100, 20), counting(200, 8)};
  PackSpec spec = spec_of(10);
  spec.long_documents = LongDocuments::kHeadTail;
  const Batch batch = pack(corpus, spec, {0, 1});
  EXPECT_EQ(batch.tokens, (std::vector<int64_t>{2, 100, 101, 114, 115, 116, 117, 118, 119, 3,  //
                                                2, 200, 201, 202, 203, 204, 205, 206, 207, 3}));
  EXPECT_EQ(packed_length(corpus, spec, 0), 10);
}

TEST(InPieces, EveryTokenIsInOnePieceAndPiecesAreNearlyEqual) {
  const auto corpus = std::make_shared<FakeCorpus>();
  for (const size_t tokens : {0, 1, 7, 8, 9, 16, 17, 100, 3}) corpus->texts.push_back(counting(0, tokens));
  const auto pieces = in_pieces(corpus, "text", 8);
  EXPECT_EQ(pieces->size(Split::kTrain), 1 + 1 + 1 + 1 + 2 + 2 + 3 + 13 + 1);
  std::vector<std::vector<int32_t>> joined(corpus->texts.size());
  int64_t before = 0;
  for (int64_t piece = 0; piece < pieces->size(Split::kTrain); ++piece) {
    const int64_t document = pieces->document_of(Split::kTrain, piece);
    EXPECT_GE(document, before);
    before = document;
    const auto tokens = pieces->tokens(Split::kTrain, "text", piece);
    EXPECT_LE(tokens.size(), 8u);
    EXPECT_EQ(static_cast<int64_t>(tokens.size()), pieces->token_count(Split::kTrain, "text", piece));
    auto& all = joined[static_cast<size_t>(document)];
    all.insert(all.end(), tokens.begin(), tokens.end());
  }
  EXPECT_EQ(joined, corpus->texts);
  EXPECT_NE(pieces->fingerprint(), corpus->fingerprint());
  EXPECT_NE(pieces->fingerprint(), in_pieces(corpus, "text", 9)->fingerprint());
}

// More documents than there are between two numbers that are kept.
TEST(InPieces, IsFoundFromAnyPlaceOfALargeSplit) {
  const auto corpus = std::make_shared<FakeCorpus>();
  std::vector<int64_t> document_of;
  for (int32_t document = 0; document < 1000; ++document) {
    const auto tokens = static_cast<size_t>(document * 7919 % 61);
    corpus->texts.push_back(std::vector<int32_t>(tokens, document));
    document_of.insert(document_of.end(), std::max<size_t>(1, (tokens + 4) / 5), document);
  }
  const auto pieces = in_pieces(corpus, "text", 5);
  ASSERT_EQ(pieces->size(Split::kTrain), static_cast<int64_t>(document_of.size()));
  for (size_t piece = 0; piece < document_of.size(); ++piece)
    ASSERT_EQ(pieces->document_of(Split::kTrain, static_cast<int64_t>(piece)), document_of[piece]) << piece;
}

TEST(CutShare, CountsWhatASequenceLeavesOut) {
  FakeCorpus corpus;
  corpus.texts = {counting(0, 20), counting(0, 8), counting(0, 12)};
  corpus.pairs = {counting(0, 1), counting(0, 1), counting(0, 1)};
  const CutShare cut = cut_share(corpus, Split::kTrain, "text", "", 10);
  EXPECT_EQ(cut.documents, 3);
  EXPECT_EQ(cut.cut_documents, 2);
  EXPECT_EQ(cut.tokens, 40);
  EXPECT_EQ(cut.cut_tokens, 12);
  EXPECT_DOUBLE_EQ(cut.share(), 0.3);
  EXPECT_EQ(cut_share(corpus, Split::kTrain, "text", "pair", 10).cut_tokens, 11 + 3);
  EXPECT_EQ(cut_share(corpus, Split::kTrain, "text", "", 20).cut_tokens, 0);
}

TEST(PackTexts, SplitsLongTextsAndSaysWhoseThePiecesAre) {
  PackSpec spec = spec_of(6);
  spec.long_documents = LongDocuments::kSplit;
  const Batch batch = pack_texts(LetterTokenizer(), spec, {"abcdefghij", "ab", ""}, {});
  EXPECT_EQ(batch.documents, (std::vector<int64_t>{0, 0, 0, 1, 2}));
  EXPECT_EQ(batch.examples, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(batch.boundaries, (std::vector<int64_t>{0, 5, 10, 16, 20, 22}));
}

}  // namespace
}  // namespace broadsheet
