#include "data/keywords.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unordered_map>

#include "core/checksum.h"
#include "core/random.h"
#include "core/text.h"
#include "data/tokenizers/unicode.h"

namespace broadsheet {
namespace {

constexpr size_t kMostWords = 3, kMostCharacters = 4, kMostParts = 4;
constexpr double kTogether = 0.2;
constexpr int64_t kKnownToSome = 3, kSaidAgain = 2;

enum class WordKind { kBreak, kWord, kNumber, kCharacter };

struct ArticleWord {
  uint64_t key = 0;
  WordKind kind = WordKind::kBreak;
  std::string text;
};

WordKind kind_of(std::string_view text) {
  const UnicodeClasses& classes = unicode_classes();
  bool letters = false, digits = false;
  size_t characters = 0;
  char32_t last = 0;
  for (size_t position = 0; position < text.size(); ++characters) {
    last = next_code_point(text, position);
    const bool digit = last >= U'0' && last <= U'9';
    digits = digits || digit;
    letters = letters || (!digit && classes.is(last, CodePointClass::kWord));
  }
  if (characters == 1 && is_chinese(last)) return WordKind::kCharacter;
  return letters ? WordKind::kWord : digits ? WordKind::kNumber : WordKind::kBreak;
}

// Tokens as words: a token and those that go on with it.
class WordReader {
 public:
  explicit WordReader(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // `with_texts`: for articles; the corpus is only counted.
  void read(TokenIds tokens, bool with_texts, std::vector<ArticleWord>& words) {
    words.clear();
    for (const int32_t id : tokens) {
      const Token& token = look(id);
      const bool goes_on =
          token.continues && !words.empty() && token.kind != WordKind::kBreak && words.back().kind != WordKind::kBreak;
      if (!goes_on) {
        words.push_back({token.key, token.kind, with_texts ? token.text : ""});
        continue;
      }
      ArticleWord& word = words.back();
      word.key = mix(word.key, token.key);
      if (token.kind == WordKind::kWord || word.kind == WordKind::kCharacter) word.kind = WordKind::kWord;
      if (with_texts) word.text += token.text;
    }
  }

 private:
  struct Token {
    std::string text;
    uint64_t key = 0;
    WordKind kind = WordKind::kBreak;
    bool continues = false;
  };

  const Token& look(int32_t id) {
    const auto [found, added] = tokens_.try_emplace(id);
    Token& token = found->second;
    if (!added) return token;
    token.continues = tokenizer_.continues_word(id);
    std::string text = tokenizer_.decode({id});
    if (token.continues && starts_with(text, "##")) text.erase(0, 2);
    token.text = trim(text);
    token.kind = kind_of(token.text);
    std::string lower = token.text;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    Xxh3 hash;
    hash.update(lower.data(), lower.size());
    token.key = std::stoull(hash.hex().substr(0, 16), nullptr, 16);
    return token;
  }

  const Tokenizer& tokenizer_;
  std::unordered_map<int32_t, Token> tokens_;
};

// Calls action(first word, number of words, key) for each run of up to kMostParts words without a break.
template <class Action>
void for_each_run(const std::vector<ArticleWord>& words, const Action& action) {
  for (size_t first = 0; first < words.size(); ++first) {
    uint64_t key = 0;
    for (size_t count = 1; count <= kMostParts && first + count <= words.size(); ++count) {
      const ArticleWord& word = words[first + count - 1];
      if (word.kind == WordKind::kBreak) break;
      key = mix(key, word.key);
      action(first, count, key);
    }
  }
}

uint64_t key_of(const std::vector<ArticleWord>& words, size_t first, size_t count) {
  uint64_t key = 0;
  for (size_t word = first; word < first + count; ++word) key = mix(key, words[word].key);
  return key;
}

// How many different words stand beside a run, up to kEnough. What is no word is different each time.
class Neighbours {
 public:
  static constexpr size_t kEnough = 3;
  void add(const std::vector<ArticleWord>& words, size_t at) {
    const bool word = at < words.size() && words[at].kind != WordKind::kBreak;
    const auto end = keys_.begin() + static_cast<ptrdiff_t>(count_);
    if (count_ == kEnough || (word && std::find(keys_.begin(), end, words[at].key) != end)) return;
    keys_[count_++] = word ? words[at].key : 0;
  }
  size_t count() const { return count_; }

 private:
  std::array<uint64_t, kEnough> keys_{};
  size_t count_ = 0;
};

// How many documents of a corpus have each of the runs that are asked for, and what stands beside them.
class DocumentCounts {
 public:
  void want(const std::vector<ArticleWord>& words) {
    for_each_run(words, [&](size_t first, size_t count, uint64_t key) {
      look_around(counts_.try_emplace(key).first->second, words, first, count);
    });
  }

  void count(const ShardSet& corpus, const KeywordRequest& request, WordReader& reader) {
    int64_t all = 0;
    for (const Split split : kAllSplits) all += corpus.size(split);
    const int64_t taken = std::min(all, request.documents);
    std::vector<ArticleWord> words;
    int64_t before = 0;
    for (const Split split : kAllSplits) {
      // Number i of those that are taken is document i * all / taken of all.
      for (int64_t document = 0; document < corpus.size(split); ++document) {
        const int64_t number = before + document;
        if ((number + 1) * taken / all == number * taken / all) continue;
        ++documents_;
        reader.read(corpus.tokens(split, request.field, document), /*with_texts=*/false, words);
        for_each_run(words, [&](size_t first, size_t count, uint64_t key) { note(key, words, first, count); });
      }
      before += corpus.size(split);
    }
  }

  int64_t of(uint64_t key) const { return counts_.at(key).documents; }
  // Whether a run of characters is a word by itself and no part of one: others stand before it, and others behind it.
  bool stands_free(uint64_t key) const {
    const Count& count = counts_.at(key);
    const size_t wanted = count.documents < kKnownToSome ? 2 : Neighbours::kEnough;
    return count.before.count() >= wanted && count.behind.count() >= wanted;
  }
  // Of a document to have it: never 0.
  double probability(uint64_t key) const {
    return static_cast<double>(of(key) + 1) / static_cast<double>(documents_ + 1);
  }

 private:
  struct Count {
    int64_t documents = 0, last = 0;
    Neighbours before, behind;
  };
  static void look_around(Count& count, const std::vector<ArticleWord>& words, size_t first, size_t length) {
    count.before.add(words, first - 1);  // of the first word: none
    count.behind.add(words, first + length);
  }
  void note(uint64_t key, const std::vector<ArticleWord>& words, size_t first, size_t length) {
    const auto found = counts_.find(key);
    if (found == counts_.end()) return;
    look_around(found->second, words, first, length);
    if (found->second.last == documents_) return;
    found->second.last = documents_;
    ++found->second.documents;
  }

  std::unordered_map<uint64_t, Count> counts_;
  int64_t documents_ = 0;
};

struct Term {
  size_t first = 0, count = 0;  // words of the article, where it comes first
  int64_t times = 0;
  uint64_t key = 0;
  double score = 0;
};

class ArticleTerms {
 public:
  ArticleTerms(const std::vector<ArticleWord>& words, const DocumentCounts& counts) : words_(words), counts_(counts) {
    for_each_run(words, [&](size_t first, size_t count, uint64_t key) {
      Term& term = terms_.try_emplace(key, Term{first, count, 0, key}).first->second;
      ++term.times;
    });
  }

  std::vector<Keyword> best(size_t most) {
    std::vector<Term> ranked;
    for (auto& [key, term] : terms_) {
      if (!is_term(term)) continue;
      term.score = -static_cast<double>(term.times) * std::log(counts_.probability(key));
      if (term.score > 0) ranked.push_back(term);
    }
    std::sort(ranked.begin(), ranked.end(), [](const Term& a, const Term& b) {
      if (a.score != b.score) return a.score > b.score;
      return a.count != b.count ? a.count > b.count : a.first < b.first;
    });
    std::vector<Term> chosen;
    std::vector<Keyword> keywords;
    for (const Term& term : ranked) {
      if (keywords.size() == most) break;
      const auto same = [&](const Term& other) { return other.times == term.times && overlap(term, other); };
      if (std::any_of(chosen.begin(), chosen.end(), same)) continue;
      chosen.push_back(term);
      keywords.push_back({text_of(term), term.score, term.times, counts_.of(term.key)});
    }
    return keywords;
  }

 private:
  bool is_term(const Term& term) const {
    const WordKind kind = words_[term.first].kind;
    const bool characters = kind == WordKind::kCharacter;
    for (size_t word = term.first; word < term.first + term.count; ++word)
      if ((words_[word].kind == WordKind::kCharacter) != characters) return false;
    if (characters ? term.count < 2 || term.count > kMostCharacters : term.count > kMostWords) return false;
    if (term.count == 1)
      return kind == WordKind::kWord && count_code_points(words_[term.first].text) > 1 && !is_common(term.first);
    if (is_common(term.first) || is_common(term.first + term.count - 1)) return false;
    if (counts_.of(term.key) < kKnownToSome && term.times < kSaidAgain) return false;
    return belongs_together(term) && (!characters || counts_.stands_free(term.key));
  }

  bool is_common(size_t word) const {
    const double share = words_[word].kind == WordKind::kCharacter ? 0.5 : 0.25;
    return counts_.probability(key_of(words_, word, 1)) > share;
  }

  bool belongs_together(const Term& term) const {
    const double whole = counts_.probability(term.key);
    for (size_t left = 1; left < term.count; ++left) {
      const double apart = counts_.probability(key_of(words_, term.first, left)) *
                           counts_.probability(key_of(words_, term.first + left, term.count - left));
      if (std::log(whole / apart) < -kTogether * std::log(whole)) return false;
    }
    return true;
  }

  // Whether one lies in the other.
  bool overlap(const Term& a, const Term& b) const {
    const Term &longer = a.count >= b.count ? a : b, &shorter = a.count >= b.count ? b : a;
    for (size_t shift = 0; shift + shorter.count <= longer.count; ++shift)
      if (key_of(words_, longer.first + shift, shorter.count) == shorter.key) return true;
    return false;
  }

  std::string text_of(const Term& term) const {
    std::string text;
    for (size_t word = term.first; word < term.first + term.count; ++word) {
      if (word > term.first && words_[word].kind != WordKind::kCharacter) text += ' ';
      text += words_[word].text;
    }
    return text;
  }

  const std::vector<ArticleWord>& words_;
  const DocumentCounts& counts_;
  std::map<uint64_t, Term> terms_;
};

}  // namespace

std::vector<std::vector<Keyword>> rank_keywords(const ShardSet& corpus, const Tokenizer& tokenizer,
                                                const std::vector<std::string>& articles,
                                                const KeywordRequest& request) {
  WordReader reader(tokenizer);
  DocumentCounts counts;
  std::vector<std::vector<ArticleWord>> words(articles.size());
  for (size_t article = 0; article < articles.size(); ++article) {
    reader.read(tokenizer.encode(articles[article]), /*with_texts=*/true, words[article]);
    counts.want(words[article]);
  }
  counts.count(corpus, request, reader);
  std::vector<std::vector<Keyword>> keywords;
  for (const std::vector<ArticleWord>& one : words) keywords.push_back(ArticleTerms(one, counts).best(request.most));
  return keywords;
}

}  // namespace broadsheet
