// Which rank writes which bytes of a checkpoint's tensors, and how any number of ranks puts them together again.
//
// The weights are model.safetensors, so that the folder loads as a model, or where one rank's even share is much
// smaller, shards in the Hugging Face layout, one for each rank. The optimizer's state is one file for each rank,
// optimizer-<nnnnn>-of-<nnnnn>.safetensors (optimizer.safetensors on one rank), cut at any element: a tensor that lies
// in several files is there as one-dimensional runs of elements, and each file's metadata says under
// "slice:<tensor>" which: "<begin>:<end>:<all>". Format page: docs/checkpoint_format.md.
//
// Note [Frozen weights are written once]: where most of the weights are not trained, these are a shard by themselves,
// kFrozenFile, with the same bytes in every checkpoint of the run, and the trained ones are the other shard. Saver then
// gives an earlier checkpoint's file a second name instead of writing it again.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "checkpoints/safetensors.h"

namespace broadsheet {

struct TensorPart {
  std::string file;
  std::vector<TensorView> tensors;  // borrowed
  std::map<std::string, std::string> metadata;
};

inline constexpr const char* kFrozenFile = "model-00001-of-00002.safetensors";
// Whether weights of so many bytes are to be divided like this.
bool divides_frozen(uint64_t frozen, uint64_t trained);

// What rank `rank` of `world` writes; shares differ by a few bytes where the model is not the larger part. Every rank
// must pass the same tensors. A rank's list may be empty. `frozen`: weights for kFrozenFile; `model` has the others.
// `one_file`: the name of the one file that `model` is written to whatever its size; empty: model.safetensors or
// shards.
std::vector<TensorPart> plan_parts(const std::vector<TensorView>& model, const std::vector<TensorView>& optimizer,
                                   int rank, int world, const std::vector<TensorView>& frozen = {},
                                   const std::string& one_file = "");
// model.safetensors.index.json where the weights are in shards, else empty.
std::string model_index(const std::vector<TensorView>& model, const std::vector<TensorView>& optimizer, int world,
                        const std::vector<TensorView>& frozen = {});

// The optimizer's state of a checkpoint, whatever the number of ranks that wrote it.
class OptimizerParts {
 public:
  // `files`: the checkpoint's parts; those named optimizer*.safetensors are opened. UserError when there is none or one
  // is malformed.
  static OptimizerParts open(const std::string& folder, const std::vector<std::string>& files);
  // Fills `wanted.bytes`, whose memory the caller owns. UserError("checkpoint.optimizer") naming the tensor when it is
  // missing, has another shape or dtype, or its slices leave a gap.
  void read(const TensorView& wanted) const;

 private:
  OptimizerParts() = default;
  std::string folder_;
  std::vector<SafetensorsFile> files_;
};

}  // namespace broadsheet
