#include "trainer/models/linear.h"

#include "core/errors.h"
#include "core/random.h"
#include "trainer/models/dropout.h"

namespace broadsheet {
namespace {

at::Tensor drop_input(const at::Tensor& x, double p, const std::string& name, const RowOwners& owners) {
  if (!owners.pass.training || p == 0) return x;
  constexpr int64_t kNoLayer = -1;  // the module's name holds its layer's number
  std::vector<uint64_t> keys = dropout_keys(owners.pass, owners.examples, kNoLayer, DropoutSite::kLora);
  for (uint64_t& key : keys) {
    for (const char letter : name) key = mix(key, static_cast<unsigned char>(letter));
  }
  return packed_dropout(x, owners.boundaries, keys, p);
}

at::Tensor apply_plain(const Linear& layer, const at::Tensor& x) {
  return at::linear(x, layer.transposed ? layer.weight.t() : layer.weight, layer.bias);
}

}  // namespace

at::Tensor Linear::operator()(const at::Tensor& x) const {
  BROADSHEET_ASSERT(!lora);
  return apply_plain(*this, x);
}

at::Tensor Linear::operator()(const at::Tensor& x, const RowOwners& owners) const {
  const at::Tensor plain = apply_plain(*this, x);
  if (!lora) return plain;
  const at::Tensor narrow = at::linear(drop_input(x, lora->dropout, name, owners), lora->a);
  return plain + at::linear(narrow, lora->b) * lora->scaling;
}

}  // namespace broadsheet
