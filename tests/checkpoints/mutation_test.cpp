// Seeded mutations of good files: whatever comes out is read or refused with UserError, never anything else.
#include "checkpoint_testing.h"
#include "checkpoints/huggingface.h"
#include "checkpoints/safetensors.h"
#include "core/random.h"

namespace broadsheet {
namespace {

// One to four edits: a flipped bit, a replaced, removed or doubled piece, or a word that parsers stumble over.
std::string mutated(std::string bytes, uint64_t seed) {
  static const std::vector<std::string> kWords = {
      "[",       "]", "{", "}", ",", ":", "\"", "-1", "1e999", "0", "null", "\\u0000", "\xff", "18446744073709551615",
      "[[[[[[[["};
  const RandomStream random(seed);
  const uint32_t edits = 1 + random.below(0, 4);
  for (uint32_t edit = 0; edit < edits && !bytes.empty(); ++edit) {
    const uint64_t base = 1 + 4 * uint64_t{edit};
    const size_t at = random.below(base, static_cast<uint32_t>(bytes.size()));
    const size_t length = 1 + random.below(base + 1, 12);
    switch (random.below(base + 2, 5)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(base + 3, 8)));
        break;
      case 1:
        bytes.erase(at, length);
        break;
      case 2:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 3:
        bytes.resize(at);
        break;
      default:
        bytes.insert(at, kWords[random.below(base + 3, static_cast<uint32_t>(kWords.size()))]);
    }
  }
  return bytes;
}

TEST(Mutations, OfASafetensorsFileAreReadOrRefused) {
  TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  write_safetensors(folder / "good",
                    {view_of("encoder.weight", DType::kFloat32, {2, 2}, std::span(values).first(4)),
                     view_of("encoder.bias", DType::kFloat32, {2}, std::span(values).last(2))},
                    {{"format", "pt"}});
  const std::string good = get_file(folder / "good");
  int read = 0, refused = 0;
  uint64_t sum = 0;
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    put_file(folder / "x", mutated(good, seed));
    try {
      const SafetensorsFile file = SafetensorsFile::open(folder / "x");
      for (const TensorView& tensor : file.tensors()) {
        for (const std::byte byte : tensor.bytes) sum += std::to_integer<uint64_t>(byte);
      }
      ++read;
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 4000);
  EXPECT_GT(read, 50);
  EXPECT_GT(sum, 0u);
}

TEST(Mutations, OfAModelConfigAreReadOrRefused) {
  TemporaryFolder folder;
  const std::string good =
      R"({"architectures": ["BertModel"], "hidden_size": 384, "id2label": {"0": "neg", "1": "pos"}, "eps": 1e-12})";
  int refused = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    put_file(folder / "config.json", mutated(good, seed));
    try {
      EXPECT_TRUE(read_model_config(folder.path()).is_object());
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Mutations, OfAShardIndexAreReadOrRefused) {
  TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3, 4};
  write_safetensors(folder / "m1.safetensors", {view_of("a", DType::kFloat32, {2}, std::span(values).first(2))}, {});
  write_safetensors(folder / "m2.safetensors", {view_of("b", DType::kFloat32, {2}, std::span(values).last(2))}, {});
  const std::string good =
      R"({"metadata": {"total_size": 16}, "weight_map": {"a": "m1.safetensors", "b": "m2.safetensors"}})";
  int refused = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    put_file(folder / "model.safetensors.index.json", mutated(good, seed));
    try {
      EXPECT_FALSE(WeightFiles::open(folder.path()).names().empty());
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace broadsheet
