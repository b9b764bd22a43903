// Token ids as a corpus keeps them: 16 bits wide where the vocabulary allows it, else 32 (docs/corpus_format.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace broadsheet {

// Whether every id of a vocabulary fits into 16 bits.
inline bool ids_are_short(int64_t vocab_size) {
  return vocab_size <= int64_t{1} << 16;
}

// Ids that lie somewhere else, read as int32 whatever their width. 32-bit ids above 2^31 come out negative.
class TokenIds {
 public:
  class Iterator {
   public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = int32_t;
    using difference_type = ptrdiff_t;
    using pointer = void;
    using reference = int32_t;

    Iterator() = default;
    int32_t operator*() const { return short_ != nullptr ? static_cast<int32_t>(*short_) : *long_; }
    int32_t operator[](difference_type i) const { return *(*this + i); }
    Iterator& operator+=(difference_type n) {
      (short_ != nullptr ? void(short_ += n) : void(long_ += n));
      return *this;
    }
    Iterator& operator-=(difference_type n) { return *this += -n; }
    Iterator& operator++() { return *this += 1; }
    Iterator& operator--() { return *this -= 1; }
    Iterator operator++(int) { return std::exchange(*this, *this + 1); }
    Iterator operator--(int) { return std::exchange(*this, *this - 1); }
    friend Iterator operator+(Iterator a, difference_type n) { return a += n; }
    friend Iterator operator+(difference_type n, Iterator a) { return a += n; }
    friend Iterator operator-(Iterator a, difference_type n) { return a -= n; }
    friend difference_type operator-(Iterator a, Iterator b) {
      return a.short_ != nullptr ? a.short_ - b.short_ : a.long_ - b.long_;
    }
    friend bool operator==(Iterator a, Iterator b) { return a - b == 0; }
    friend auto operator<=>(Iterator a, Iterator b) { return a - b <=> 0; }

   private:
    friend class TokenIds;
    Iterator(const uint16_t* shorts, const int32_t* longs) : short_(shorts), long_(longs) {}
    const uint16_t* short_ = nullptr;
    const int32_t* long_ = nullptr;
  };

  TokenIds() = default;
  TokenIds(std::span<const uint16_t> ids) : first_(ids.data(), nullptr), size_(ids.size()) {}
  TokenIds(std::span<const int32_t> ids) : first_(nullptr, ids.data()), size_(ids.size()) {}
  TokenIds(const std::vector<int32_t>& ids) : TokenIds(std::span(ids)) {}

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool is_short() const { return first_.short_ != nullptr; }
  int32_t operator[](size_t i) const { return first_[static_cast<ptrdiff_t>(i)]; }
  Iterator begin() const { return first_; }
  Iterator end() const { return first_ + static_cast<ptrdiff_t>(size_); }
  TokenIds subspan(size_t offset, size_t count) const {
    TokenIds part = *this;
    part.first_ += static_cast<ptrdiff_t>(offset);
    part.size_ = count;
    return part;
  }
  TokenIds first(size_t count) const { return subspan(0, count); }
  // Where they lie.
  const void* data() const {
    return is_short() ? static_cast<const void*>(first_.short_) : static_cast<const void*>(first_.long_);
  }
  size_t size_bytes() const { return size_ * (is_short() ? sizeof(uint16_t) : sizeof(int32_t)); }
  std::span<const uint16_t> shorts() const { return {first_.short_, is_short() ? size_ : 0}; }
  std::span<const int32_t> longs() const { return {first_.long_, is_short() ? 0 : size_}; }

 private:
  Iterator first_;
  size_t size_ = 0;
};

// Ids of one's own, of either width.
class TokenList {
 public:
  explicit TokenList(bool are_short = false) {
    if (are_short) ids_.emplace<std::vector<uint16_t>>();
  }
  // Each of them fits: a list of short ids is for a vocabulary whose ids are.
  void append(TokenIds ids) {
    std::visit([&](auto& all) { append_to(all, ids); }, ids_);
  }
  void reserve(size_t count) {
    std::visit([count](auto& all) { all.reserve(count); }, ids_);
  }
  size_t size() const { return view().size(); }
  TokenIds view() const {
    return std::visit([](const auto& all) { return TokenIds(std::span(all)); }, ids_);
  }

 private:
  static void append_to(std::vector<uint16_t>& all, TokenIds ids) {
    if (ids.is_short()) {
      all.insert(all.end(), ids.shorts().begin(), ids.shorts().end());
      return;
    }
    const size_t before = all.size();
    all.resize(before + ids.size());
    for (size_t i = 0; i < ids.size(); ++i) all[before + i] = static_cast<uint16_t>(ids[i]);
  }
  static void append_to(std::vector<int32_t>& all, TokenIds ids) { all.insert(all.end(), ids.begin(), ids.end()); }

  std::variant<std::vector<int32_t>, std::vector<uint16_t>> ids_;
};

}  // namespace broadsheet
