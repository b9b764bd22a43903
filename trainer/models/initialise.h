// Initial values, drawn from a stream per parameter: they depend on (seed, name) alone, not on order or threads.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>

namespace broadsheet {

// Fills a contiguous float32 tensor with normal values of mean 0 (Box-Muller on the stream of (seed, name)).
void fill_normal(at::Tensor& tensor, uint64_t seed, const std::string& name, double standard_deviation);

}  // namespace broadsheet
