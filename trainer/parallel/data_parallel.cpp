#include "trainer/parallel/data_parallel.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"
#include "trainer/parallel/consistent_sum.h"

namespace broadsheet {

namespace {

constexpr int64_t kFirstBucketBytes = int64_t{1} << 20;
constexpr int64_t kBucketBytes = int64_t{25} << 20;

// Without a hook of our own the Reducer divides by the world size; the loss is divided once, by the global label count.
class SumHook : public c10d::CppCommHookInterface<c10::intrusive_ptr<c10d::ProcessGroup>> {
 public:
  using CppCommHookInterface::CppCommHookInterface;
  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    std::vector<at::Tensor> tensors{bucket.getBufferRef()};
    return state_->allreduce(tensors)->getFuture();
  }
};

std::string describe_parameters(const ParameterList& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters) {
    text += cat(parameter.name, ' ', at::toString(parameter.tensor.scalar_type()));
    for (const int64_t size : parameter.tensor.sizes()) text += cat(' ', size);
    text += parameter.tensor.requires_grad() ? " trained\n" : " frozen\n";
  }
  return text;
}

// On the process group rather than the communicator: a const Communicator has no collectives, and the bytes are few.
void check_same_on_every_rank(const ParameterList& parameters, c10d::ProcessGroup& group) {
  const std::string hash = sha256_hex(describe_parameters(parameters));
  const auto options = at::TensorOptions().dtype(at::kByte);
  at::Tensor mine = at::empty({static_cast<int64_t>(hash.size())}, options);
  std::copy(hash.begin(), hash.end(), mine.data_ptr<uint8_t>());
  std::vector<std::vector<at::Tensor>> all(1);
  for (int rank = 0; rank < group.getSize(); ++rank) all[0].push_back(at::empty_like(mine));
  std::vector<at::Tensor> inputs{mine};
  group.allgather(all, inputs)->wait();
  for (int rank = 1; rank < group.getSize(); ++rank)
    if (!all[0][rank].equal(all[0][0]))
      throw RunError("parallel.parameters", cat("rank ", rank, " has other parameters than rank 0"),
                     "start every rank with the same program version, configuration and model files");
}

}  // namespace

namespace {

std::vector<Parameter> share(ParameterList& parameters, const c10::intrusive_ptr<c10d::ProcessGroup>& group,
                             ModelValues values) {
  const at::NoGradGuard no_grad;
  check_same_on_every_rank(parameters, *group);
  std::vector<Parameter> trained;
  std::vector<at::Tensor> tensors;
  for (Parameter& parameter : parameters) {
    BROADSHEET_ASSERT(parameter.tensor.is_contiguous() && parameter.tensor.is_leaf());
    tensors.push_back(parameter.tensor.detach());
    if (!parameter.tensor.requires_grad()) continue;
    trained.push_back(parameter);
  }
  BROADSHEET_ASSERT(!trained.empty());
  if (values == ModelValues::kRead) c10d::broadcast_coalesced(group, tensors, static_cast<size_t>(kBucketBytes));
  return trained;
}

}  // namespace

std::vector<Parameter> share_parameters(ParameterList& parameters, Communicator& ranks, ModelValues values) {
  return share(parameters, make_process_group(c10::make_intrusive<MpiBackend>(ranks)), values);
}

std::unique_ptr<GradientSum> make_gradient_sum(const std::string& reduction, ParameterList& parameters,
                                               Communicator& ranks, ModelValues values) {
  if (reduction == "fast") return std::make_unique<DataParallel>(parameters, ranks, values);
  if (reduction == "consistent") return std::make_unique<ConsistentSum>(parameters, ranks, values);
  throw UserError("config.reduction", cat("train.reduction is \"", reduction, "\""), "use fast or consistent");
}

DataParallel::DataParallel(ParameterList& parameters, Communicator& ranks, ModelValues values)
    : ranks_(ranks),
      backend_(c10::make_intrusive<MpiBackend>(ranks)),
      group_(make_process_group(backend_)),
      trained_(share(parameters, group_, values)) {
  std::vector<at::Tensor> tensors;
  for (const Parameter& parameter : trained_) tensors.push_back(parameter.tensor);
  std::vector<std::vector<size_t>> buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(
      tensors, {static_cast<size_t>(kFirstBucketBytes), static_cast<size_t>(kBucketBytes)}));
  // Gradients come in roughly the reverse of the order in which parameters are used.
  std::reverse(buckets.begin(), buckets.end());
  reducer_ = std::make_unique<c10d::Reducer>(
      tensors, std::move(buckets), group_, std::vector<bool>(tensors.size(), false), kBucketBytes,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true, std::unordered_map<size_t, std::string>{},
      kFirstBucketBytes, /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      std::vector<int64_t>{kFirstBucketBytes, kBucketBytes});
  reducer_->register_comm_hook(std::make_unique<SumHook>(group_));
  // From the first step on gradients accumulate in the buckets, so that the first step's bits are no special case and
  // nothing is copied there. begin_step() makes them zeros.
  for (c10d::GradBucket& bucket : reducer_->get_grad_buckets(/*return_zero_tensors=*/false)) {
    std::vector<at::Tensor> owners = bucket.getParameters(), views = bucket.getGradients();
    for (size_t i = 0; i < owners.size(); ++i) owners[i].mutable_grad() = views[i];
  }
}

DataParallel::~DataParallel() {
  reducer_.reset();
  // The gradients are views of buckets that no longer exist for anyone else.
  for (Parameter& parameter : trained_) parameter.tensor.mutable_grad() = at::Tensor();
}

void DataParallel::begin_step() {
  reducer_->rebuild_buckets();
  const at::NoGradGuard no_grad;
  for (Parameter& parameter : trained_) parameter.tensor.mutable_grad().zero_();
}

void DataParallel::backward(const at::Tensor& loss, bool last) {
  // While no backward was prepared the Reducer's hooks do nothing, and gradients just add up in the bucket views.
  if (last) reducer_->prepare_for_backward({loss});
  torch::autograd::backward({loss}, {});
}

double DataParallel::sum_losses(const std::vector<double>& mine) {
  double sum = 0;
  for (const double loss : mine) sum += loss;
  return ranks_.sum(std::vector<double>{sum})[0];
}

}  // namespace broadsheet
