#include <gtest/gtest.h>

#include <cstring>

#include "core/random.h"
#include "core/text.h"
#include "mpi/mpi_test.h"
#include "trainer/parallel/mpi_backend.h"
#include "trainer/parallel/mpi_communicator.h"

namespace broadsheet {
namespace {

// What rank `rank` contributes: magnitudes over many binades, so that the order of additions shows in the bits.
at::Tensor contribution(int rank, int64_t count, at::ScalarType type) {
  at::Tensor tensor = at::empty({count}, at::kDouble);
  const RandomStream stream(mix(11, static_cast<uint64_t>(rank)));
  double* values = tensor.data_ptr<double>();
  for (int64_t i = 0; i < count; ++i)
    values[i] = std::ldexp(stream.uniform(2 * i) - 0.5, static_cast<int>(stream.below(2 * i + 1, 24)));
  return tensor.to(type);
}

at::Tensor sum_in_rank_order(int64_t count, at::ScalarType type, at::ScalarType accumulate) {
  at::Tensor sum = contribution(0, count, type).to(accumulate);
  for (int rank = 1; rank < world().size(); ++rank) sum = sum + contribution(rank, count, type).to(accumulate);
  return sum.to(type);
}

at::Tensor all_reduce(MpiBackend& backend, at::Tensor tensor) {
  std::vector<at::Tensor> tensors{tensor};
  backend.allreduce(tensors)->wait();
  return tensor;
}

TEST(MpiBackend, SumsInRankOrderWhateverTheLength) {
  const auto backend = c10::make_intrusive<MpiBackend>(world());
  for (const int64_t count : {1, 2, 3, 5, 16, 1000, 4097, 300001})
    EXPECT_TRUE(all_reduce(*backend, contribution(world().rank(), count, at::kFloat))
                    .equal(sum_in_rank_order(count, at::kFloat, at::kFloat)))
        << count << " elements";
}

TEST(MpiBackend, SumsTheSameBitsWhereverTheMessageIsCut) {
  const auto backend = c10::make_intrusive<MpiBackend>(world());
  constexpr int64_t kCount = 20011;
  const at::Tensor expected = sum_in_rank_order(kCount, at::kFloat, at::kFloat);
  for (const int64_t piece : {4, 64, 1000, 4096, 1 << 20}) {
    backend->set_piece_bytes(std::max<int64_t>(piece, 512));
    EXPECT_TRUE(all_reduce(*backend, contribution(world().rank(), kCount, at::kFloat)).equal(expected)) << piece;
  }
  // As several messages, like the buckets of a run that was resumed.
  backend->set_piece_bytes(8 << 20);
  const at::Tensor whole = contribution(world().rank(), kCount, at::kFloat);
  for (const auto& [begin, end] :
       std::vector<std::pair<int64_t, int64_t>>{{0, 7}, {7, 5000}, {5000, 5001}, {5001, kCount}})
    all_reduce(*backend, whole.slice(0, begin, end));
  EXPECT_TRUE(whole.equal(expected));
}

TEST(MpiBackend, SumsOtherTypes) {
  const auto backend = c10::make_intrusive<MpiBackend>(world());
  constexpr int64_t kCount = 1237;
  for (const at::ScalarType type : {at::kDouble, at::kInt, at::kLong})
    EXPECT_TRUE(
        all_reduce(*backend, contribution(world().rank(), kCount, type)).equal(sum_in_rank_order(kCount, type, type)))
        << type;
  // Half precision is added in float32 and rounded once.
  EXPECT_TRUE(all_reduce(*backend, contribution(world().rank(), kCount, at::kBFloat16))
                  .equal(sum_in_rank_order(kCount, at::kBFloat16, at::kFloat)));
}

TEST(MpiBackend, QueuedOperationsRunInOrder) {
  const auto backend = c10::make_intrusive<MpiBackend>(world());
  constexpr int64_t kOperations = 40;
  std::vector<at::Tensor> tensors;
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  for (int64_t i = 0; i < kOperations; ++i) {
    tensors.push_back(contribution(world().rank(), 100 + 77 * i, at::kFloat));
    std::vector<at::Tensor> one{tensors.back()};
    works.push_back(backend->allreduce(one));
  }
  for (const auto& work : works) work->wait();
  for (int64_t i = 0; i < kOperations; ++i)
    EXPECT_TRUE(tensors[i].equal(sum_in_rank_order(100 + 77 * i, at::kFloat, at::kFloat)));
}

TEST(MpiBackend, BroadcastsFromAnyRank) {
  const auto backend = c10::make_intrusive<MpiBackend>(world());
  for (int root = 0; root < world().size(); ++root) {
    std::vector<at::Tensor> tensors{contribution(world().rank(), 999, at::kFloat)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    backend->broadcast(tensors, options)->wait();
    EXPECT_TRUE(tensors[0].equal(contribution(root, 999, at::kFloat)));
  }
}

TEST(MpiBackend, GathersByRank) {
  const auto backend = c10::make_intrusive<MpiBackend>(world());
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (int rank = 0; rank < world().size(); ++rank) outputs[0].push_back(at::empty({321}));
  std::vector<at::Tensor> inputs{contribution(world().rank(), 321, at::kFloat)};
  backend->allgather(outputs, inputs)->wait();
  for (int rank = 0; rank < world().size(); ++rank)
    EXPECT_TRUE(outputs[0][rank].equal(contribution(rank, 321, at::kFloat)));
}

TEST(MpiBackend, AnErrorReachesTheFuture) {
  const auto backend = c10::make_intrusive<MpiBackend>(world());
  std::vector<at::Tensor> tensors{at::zeros({4}, at::kBool)};  // no sum of booleans
  const auto work = backend->allreduce(tensors);
  if (world().size() == 1) {
    work->wait();  // nothing to add up
    return;
  }
  EXPECT_THROW(work->wait(), std::exception);
  EXPECT_TRUE(work->getFuture()->hasError());
  std::vector<at::Tensor> next{at::zeros({4})};
  EXPECT_THROW(backend->allreduce(next)->wait(), std::exception) << "ranks that failed once agree on nothing later";
}

TEST(Communicator, GathersStringsOfAnyLengthByRank) {
  const std::string mine(static_cast<size_t>(world().rank() * 1000), static_cast<char>('a' + world().rank()));
  const std::vector<std::string> all = world().all_gather(mine);
  ASSERT_EQ(static_cast<int>(all.size()), world().size());
  for (int rank = 0; rank < world().size(); ++rank)
    EXPECT_EQ(all[rank], std::string(static_cast<size_t>(rank * 1000), static_cast<char>('a' + rank)));
}

TEST(Communicator, SumsAndMaximaAgreeOnEveryRank) {
  const int64_t rank = world().rank(), size = world().size();
  EXPECT_EQ(world().sum(std::vector<int64_t>{rank, 1}), (std::vector<int64_t>{size * (size - 1) / 2, size}));
  EXPECT_EQ(world().max(10 - rank), 10);
  double expected = 0;
  for (int r = 0; r < size; ++r) expected += 0.1 * (r + 1);
  EXPECT_EQ(world().sum(std::vector<double>{0.1 * static_cast<double>(rank + 1)})[0], expected);
  EXPECT_EQ(world().broadcast(rank == size - 1 ? "from the last" : "", static_cast<int>(size - 1)), "from the last");
  EXPECT_TRUE(world().sum(std::vector<double>{}).empty());
}

}  // namespace
}  // namespace broadsheet
