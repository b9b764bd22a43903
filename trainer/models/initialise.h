// Initial values, drawn from a stream per parameter: they depend on (seed, name) alone, not on order or threads.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>

namespace broadsheet {

// Fills a contiguous float32 tensor with normal values of mean 0 (Box-Muller on the stream of (seed, name)).
void fill_normal(at::Tensor& tensor, uint64_t seed, const std::string& name, double standard_deviation);

// The same with values that are uniform in [-bound, bound).
void fill_uniform(at::Tensor& tensor, uint64_t seed, const std::string& name, double bound);

}  // namespace broadsheet
