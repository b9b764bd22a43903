// The all-reduce of MpiBackend, apart from MPI: which bytes go where, and in what order they are added
// (Note [Rank-order sums] in trainer/parallel/mpi_backend.h). No MPI and no LibTorch here, so that a test can run it
// with threads for ranks, under a sanitizer.
//
// A Transport is what carries the messages:
//   int rank() const; int size() const;
//   void exchange(const std::vector<Message>& messages, const char* what);   // returns when all have come and gone
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace broadsheet {

// One message to a peer and one from it, with the same tag. Sizes in bytes.
struct Message {
  int peer = 0, tag = 0;
  const void* send = nullptr;
  int64_t send_bytes = 0;
  void* receive = nullptr;
  int64_t receive_bytes = 0;
};

// Adds the ranks' versions of one slice in rank order. `out` may be one of the inputs. `Sum` is wider than T for half
// precision.
template <class T, class Sum>
void add_in_order(T* out, const std::vector<const T*>& inputs, int64_t count) {
  constexpr int64_t kBlock = 1024;
  Sum block[kBlock];
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t size = std::min(kBlock, count - start);
    for (int64_t i = 0; i < size; ++i) block[i] = static_cast<Sum>(inputs[0][start + i]);
    for (size_t rank = 1; rank < inputs.size(); ++rank)
      for (int64_t i = 0; i < size; ++i) block[i] += static_cast<Sum>(inputs[rank][start + i]);
    for (int64_t i = 0; i < size; ++i) out[start + i] = static_cast<T>(block[i]);
  }
}

template <class Transport>
class RankOrderSum {
 public:
  explicit RankOrderSum(Transport& transport) : transport_(transport) {}

  // data[i] becomes the sum over ranks, in rank order, in pieces of at most `piece_bytes`. Collective.
  template <class T, class Sum = T>
  void sum(T* data, int64_t count, int64_t piece_bytes) {
    const int64_t piece = std::max<int64_t>(piece_bytes / static_cast<int64_t>(sizeof(T)), 1);
    for (int64_t start = 0; start < count; start += piece)
      sum_piece<T, Sum>(data + start, std::min(piece, count - start));
  }

 private:
  static constexpr int kSliceTag = 1, kSumTag = 2;

  // Rank r owns a contiguous slice: it receives that slice from every other rank, adds, and hands the sum out.
  template <class T, class Sum>
  void sum_piece(T* data, int64_t count) {
    const int world = transport_.size(), me = transport_.rank();
    const auto slice = [&](int64_t rank) { return rank * count / world; };
    const auto bytes = [&](int rank) { return (slice(rank + 1) - slice(rank)) * static_cast<int64_t>(sizeof(T)); };
    const int64_t mine = slice(me + 1) - slice(me);
    scratch_.resize(static_cast<size_t>(mine * (world - 1)) * sizeof(T));
    std::vector<const T*> inputs(static_cast<size_t>(world));
    std::vector<Message> slices, sums;
    T* received = reinterpret_cast<T*>(scratch_.data());
    for (int rank = 0; rank < world; ++rank) {
      inputs[static_cast<size_t>(rank)] = rank == me ? data + slice(me) : received;
      if (rank == me) continue;
      slices.push_back({rank, kSliceTag, data + slice(rank), bytes(rank), received, bytes(me)});
      sums.push_back({rank, kSumTag, data + slice(me), bytes(me), data + slice(rank), bytes(rank)});
      received += mine;
    }
    transport_.exchange(slices, "exchange of slices");
    add_in_order<T, Sum>(data + slice(me), inputs, mine);
    transport_.exchange(sums, "exchange of sums");
  }

  Transport& transport_;
  std::vector<char> scratch_;  // aligned as operator new aligns: enough for every element type
};

}  // namespace broadsheet
