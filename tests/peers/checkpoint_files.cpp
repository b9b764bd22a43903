// Helper of checkpoint_format.py: writes one checkpoint of step 100 under the folder given.
#include <iostream>
#include <vector>

#include "checkpoints/snapshot.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: checkpoint_files FOLDER\n";
    return 2;
  }
  const std::vector<float> values = {1, 2, 3, 4};
  const auto fence = broadsheet::Fence::raise(arguments[1], 1);
  auto writer = broadsheet::CheckpointWriter::open(fence, arguments[1], 100);
  const std::vector<broadsheet::PartRecord> parts = {
      writer.write_tensors("model.safetensors",
                           {{"w", broadsheet::DType::kFloat32, {2, 2}, std::as_bytes(std::span(values))}}),
      writer.write_json("state.json", {{"step", 100}})};
  writer.commit(parts, {{"world_size", 2}, {"note", "\"manifest_sha256\": \"look-alike"}});
  fence.lower();
  return 0;
}
