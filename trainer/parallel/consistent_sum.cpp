#include "trainer/parallel/consistent_sum.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cstring>

#include "core/errors.h"
#include "core/work_clock.h"
#include "trainer/parallel/data_parallel.h"
#include "trainer/parallel/mpi_communicator.h"

namespace broadsheet {
namespace {

constexpr int kNodesTag = 1, kSumTag = 2;

// Requests of one exchange; every rank posts what the others expect, sizes follow from arithmetic.
class Exchange {
 public:
  explicit Exchange(const MpiCommunicator& wire) : wire_(wire) {}
  void send(const at::Tensor& values, int64_t rank, int tag) {
    requests_.emplace_back();
    check_mpi(MPI_Isend(values.const_data_ptr<float>(), static_cast<int>(values.numel()), MPI_FLOAT,
                        static_cast<int>(rank), tag, wire_.handle(), &requests_.back()),
              "isend");
  }
  void receive(at::Tensor values, int64_t rank, int tag) {
    requests_.emplace_back();
    check_mpi(MPI_Irecv(values.data_ptr<float>(), static_cast<int>(values.numel()), MPI_FLOAT, static_cast<int>(rank),
                        tag, wire_.handle(), &requests_.back()),
              "irecv");
  }
  void wait(const char* what) { wait_all(requests_, what); }

 private:
  const MpiCommunicator& wire_;
  std::vector<MPI_Request> requests_;
};

}  // namespace

std::vector<TreePlace> tree_places(const LeafRun& run) {
  TreeSum<int> tree([](int&, int&) {});
  for (int64_t leaf = run.begin; leaf < run.end; ++leaf) tree.push_leaf(leaf, 0);
  std::vector<TreePlace> places;
  for (const auto& node : tree.nodes()) places.push_back(node.place);
  return places;
}

ConsistentSum::ConsistentSum(ParameterList& parameters, Communicator& ranks, ModelValues values)
    : ranks_(ranks),
      trained_(share_parameters(parameters, ranks, values)),
      tree_([this](at::Tensor& left, at::Tensor& right) {
        left.add_(right);
        pool_.push_back(std::move(right));
      }) {
  if (ranks.size() > 1) wire_ = std::make_unique<MpiCommunicator>(dynamic_cast<MpiCommunicator&>(ranks).handle());
  for (const Parameter& parameter : trained_) elements_ += parameter.tensor.numel();
}

ConsistentSum::~ConsistentSum() {
  for (Parameter& parameter : trained_) parameter.tensor.mutable_grad() = at::Tensor();
}

at::Tensor ConsistentSum::take_buffer() {
  if (pool_.empty()) return at::zeros({elements_});
  at::Tensor buffer = std::move(pool_.back());
  pool_.pop_back();
  return buffer.zero_();
}

void ConsistentSum::point_gradients_to(const at::Tensor& flat) {
  int64_t offset = 0;
  for (Parameter& parameter : trained_) {
    const int64_t count = parameter.tensor.numel();
    parameter.tensor.mutable_grad() = flat.narrow(0, offset, count).view(parameter.tensor.sizes());
    offset += count;
  }
}

void ConsistentSum::begin_step(const LeafRun& micro_batches) {
  const at::NoGradGuard no_grad;
  run_ = micro_batches;
  next_ = run_.begin;
  BROADSHEET_ASSERT(tree_.nodes().empty() && run_.all > 0);
  if (result_.defined()) pool_.push_back(std::move(result_));
  current_ = take_buffer();
  point_gradients_to(current_);
}

void ConsistentSum::backward(const at::Tensor& loss, bool last) {
  torch::autograd::backward({loss}, {});
  const at::NoGradGuard no_grad;
  BROADSHEET_ASSERT(next_ < run_.end && last == (next_ + 1 == run_.end));
  tree_.push_leaf(next_++, std::move(current_));
  if (last) return;
  current_ = take_buffer();
  point_gradients_to(current_);
}

void ConsistentSum::end_step() {
  computed_at_ = work_clock_ns();
  const at::NoGradGuard no_grad;
  BROADSHEET_ASSERT(next_ == run_.end);
  if (current_.defined()) pool_.push_back(std::move(current_));
  if (wire_) {
    result_ = take_buffer();
    sum_over_ranks(result_);
    for (Tree::Node& node : tree_.nodes()) pool_.push_back(std::move(node.value));
    tree_.nodes().clear();
  } else {
    result_ = tree_.finish();
  }
  point_gradients_to(result_);
}

void ConsistentSum::sum_over_ranks(at::Tensor& result) {
  for (int64_t start = 0; start < elements_; start += piece_)
    sum_piece(tree_.nodes(), result, start, std::min(piece_, elements_ - start));
}

// Of each piece, rank r owns a slice: it gets that slice of every node of every rank, finishes the tree and hands the
// sum out.
void ConsistentSum::sum_piece(std::vector<Tree::Node>& mine, at::Tensor& result, int64_t start, int64_t count) {
  const int64_t world = wire_->size(), me = wire_->rank();
  const auto begin = [&](int64_t rank) { return start + rank * count / world; };
  const auto size = [&](int64_t rank) { return begin(rank + 1) - begin(rank); };

  Exchange nodes(*wire_);
  Tree tree([](at::Tensor& left, at::Tensor& right) { left.add_(right); });
  std::vector<Tree::Node> all;
  for (int64_t rank = 0; rank < world; ++rank) {
    if (rank == me) {
      for (const Tree::Node& node : mine) all.push_back({node.place, node.value.narrow(0, begin(me), size(me))});
      continue;
    }
    for (const Tree::Node& node : mine) nodes.send(node.value.narrow(0, begin(rank), size(rank)), rank, kNodesTag);
    for (const TreePlace& place : tree_places(leaf_run(run_.all, rank, world))) {
      if (received_.size() <= all.size()) received_.resize(all.size() + 1);
      at::Tensor& space = received_[all.size()];
      if (!space.defined() || space.numel() < size(me)) space = at::empty({piece_ / world + 1});
      all.push_back({place, space.narrow(0, 0, size(me))});
      nodes.receive(all.back().value, rank, kNodesTag);
    }
  }
  nodes.wait("exchange of partial sums");
  for (Tree::Node& node : all) tree.push(node.place, std::move(node.value));
  result.narrow(0, begin(me), size(me)).copy_(tree.finish());

  Exchange sums(*wire_);
  for (int64_t rank = 0; rank < world; ++rank) {
    if (rank == me) continue;
    sums.send(result.narrow(0, begin(me), size(me)), rank, kSumTag);
    sums.receive(result.narrow(0, begin(rank), size(rank)), rank, kSumTag);
  }
  sums.wait("exchange of sums");
}

double ConsistentSum::sum_losses(const std::vector<double>& mine) {
  std::string bytes(mine.size() * sizeof(double), '\0');
  std::memcpy(bytes.data(), mine.data(), bytes.size());
  double sum = 0;
  for (const std::string& gathered : ranks_.all_gather(bytes)) {
    std::vector<double> part(gathered.size() / sizeof(double));
    std::memcpy(part.data(), gathered.data(), gathered.size());
    for (const double loss : part) sum += loss;  // leaf after leaf, whoever brought it
  }
  return sum;
}

}  // namespace broadsheet
