#include "trainer/models/attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/errors.h"
#include "trainer/models/dropout.h"

namespace broadsheet {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Grouped, because autograd functions take vectors for lists of variables.
struct Shape {
  std::vector<int64_t> boundaries;
  int64_t heads = 1;
  AttentionDropout dropout;
  Attends attends = Attends::kEverywhere;
};

// True where key j lies behind query i, for the longest sequence; undefined where every key is seen.
at::Tensor hidden_keys(const Shape& shape, const at::Tensor& like) {
  if (shape.attends == Attends::kEverywhere) return {};
  int64_t longest = 0;
  for (size_t s = 0; s + 1 < shape.boundaries.size(); ++s)
    longest = std::max(longest, shape.boundaries[s + 1] - shape.boundaries[s]);
  return at::ones({longest, longest}, like.options().dtype(at::kBool)).triu_(1);
}

// [total, heads * d] -> the rows of one sequence as [heads, L, d], a view.
at::Tensor heads_of(const at::Tensor& rows, int64_t begin, int64_t length, int64_t heads) {
  return rows.narrow(0, begin, length).view({length, heads, rows.size(1) / heads}).transpose(0, 1);
}

at::ScalarType softmax_type(const at::Tensor& rows) {
  return rows.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// Sizes and offsets of each sequence's [heads, L, L] inside the flat buffers.
std::vector<int64_t> square_offsets(const std::vector<int64_t>& boundaries, int64_t heads) {
  std::vector<int64_t> offsets = {0};
  for (size_t s = 0; s + 1 < boundaries.size(); ++s) {
    const int64_t length = boundaries[s + 1] - boundaries[s];
    offsets.push_back(offsets.back() + heads * length * length);
  }
  return offsets;
}

at::Tensor square_of(const at::Tensor& flat, int64_t offset, int64_t heads, int64_t length) {
  return flat.narrow(0, offset, heads * length * length).view({heads, length, length});
}

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& query, const at::Tensor& key,
                            const at::Tensor& value, const Shape& shape, bool save) {
    // Types are chosen here, not by autocast, so that forward and backward agree.
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const int64_t heads = shape.heads;
    const double scale = 1.0 / std::sqrt(static_cast<double>(query.size(1) / heads));
    const std::vector<int64_t> offsets = square_offsets(shape.boundaries, heads);
    const bool drop = shape.dropout.p > 0 && !shape.dropout.keys.empty();
    const double keep_scale = drop ? 1.0 / (1.0 - shape.dropout.p) : 1.0;
    const at::Tensor saved =
        save ? at::empty({offsets.back()}, query.options().dtype(softmax_type(query))) : at::Tensor();
    const at::Tensor keep = drop ? at::empty({offsets.back()}, query.options().dtype(at::kByte)) : at::Tensor();
    const at::Tensor hidden = hidden_keys(shape, query);
    at::Tensor out = at::empty_like(query);
    for (size_t s = 0; s + 1 < shape.boundaries.size(); ++s) {
      const int64_t begin = shape.boundaries[s];
      const int64_t length = shape.boundaries[s + 1] - begin;
      const at::Tensor scores =
          at::bmm(heads_of(query, begin, length, heads), heads_of(key, begin, length, heads).transpose(1, 2))
              .to(softmax_type(query))
              .mul_(scale);
      if (hidden.defined())
        scores.masked_fill_(hidden.narrow(0, 0, length).narrow(1, 0, length), -std::numeric_limits<double>::infinity());
      at::Tensor probabilities = at::_softmax(scores, -1, false);
      if (save) square_of(saved, offsets[s], heads, length).copy_(probabilities);
      if (drop) {
        const at::Tensor kept = square_of(keep, offsets[s], heads, length);
        fill_keep(kept.mutable_data_ptr<uint8_t>(), kept.numel(), shape.dropout.keys[s], shape.dropout.p);
        probabilities = masked_scale(probabilities, kept, keep_scale);
      }
      heads_of(out, begin, length, heads)
          .copy_(at::bmm(probabilities.to(query.scalar_type()), heads_of(value, begin, length, heads)));
    }
    if (save) {
      context->save_for_backward({query, key, value, saved, keep});
      context->saved_data["boundaries"] = shape.boundaries;
      context->saved_data["heads"] = heads;
      context->saved_data["scale"] = scale;
      context->saved_data["keep_scale"] = keep_scale;
    }
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &query = saved[0], &key = saved[1], &value = saved[2], &keep = saved[4];
    const std::vector<int64_t> boundaries = context->saved_data["boundaries"].toIntVector();
    const int64_t heads = context->saved_data["heads"].toInt();
    const double scale = context->saved_data["scale"].toDouble();
    const double keep_scale = context->saved_data["keep_scale"].toDouble();
    const std::vector<int64_t> offsets = square_offsets(boundaries, heads);
    // Keys that a query does not see have probability 0, and so get no gradient: nothing here asks which they are.
    const at::ScalarType type = query.scalar_type();
    const at::ScalarType wide = softmax_type(query);
    const at::Tensor gradient = gradients[0].to(type).contiguous();
    at::Tensor of_query = at::empty_like(query), of_key = at::empty_like(key), of_value = at::empty_like(value);
    for (size_t s = 0; s + 1 < boundaries.size(); ++s) {
      const int64_t begin = boundaries[s];
      const int64_t length = boundaries[s + 1] - begin;
      const auto rows = [&](const at::Tensor& tensor) { return heads_of(tensor, begin, length, heads); };
      const at::Tensor probabilities = square_of(saved[3], offsets[s], heads, length);
      const at::Tensor kept = keep.defined() ? square_of(keep, offsets[s], heads, length) : at::Tensor();
      const auto drop = [&](const at::Tensor& x) { return kept.defined() ? masked_scale(x, kept, keep_scale) : x; };
      const at::Tensor g = rows(gradient);
      rows(of_value).copy_(at::bmm(drop(probabilities).to(type).transpose(1, 2), g));
      const at::Tensor of_probabilities = drop(at::bmm(g, rows(value).transpose(1, 2)).to(wide));
      const at::Tensor of_scores =
          at::_softmax_backward_data(of_probabilities, probabilities, -1, wide).mul_(scale).to(type);
      rows(of_query).copy_(at::bmm(of_scores, rows(key)));
      rows(of_key).copy_(at::bmm(of_scores.transpose(1, 2), rows(query)));
    }
    return {of_query, of_key, of_value, {}, {}};
  }
};

}  // namespace

at::Tensor packed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const std::vector<int64_t>& boundaries, int64_t heads, const AttentionDropout& dropout,
                            Attends attends) {
  BROADSHEET_ASSERT(query.dim() == 2 && query.sizes() == key.sizes() && query.sizes() == value.sizes());
  BROADSHEET_ASSERT(query.size(1) % heads == 0 && !boundaries.empty() && boundaries.back() == query.size(0));
  BROADSHEET_ASSERT(dropout.keys.empty() || dropout.keys.size() + 1 == boundaries.size());
  const bool save =
      at::GradMode::is_enabled() && (query.requires_grad() || key.requires_grad() || value.requires_grad());
  return AttentionFunction::apply(query.contiguous(), key.contiguous(), value.contiguous(),
                                  Shape{boundaries, heads, dropout, attends}, save);
}

at::Tensor cached_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const std::vector<int64_t>& boundaries, int64_t heads, int64_t layer,
                            KeyValueCache& cache) {
  BROADSHEET_ASSERT(cache.sequences() + 1 == static_cast<int64_t>(boundaries.size()));
  const double scale = 1.0 / std::sqrt(static_cast<double>(query.size(1) / heads));
  const at::Tensor queries = query.contiguous(), new_keys = key.contiguous(), new_values = value.contiguous();
  at::Tensor out = at::empty_like(queries);
  for (size_t s = 0; s + 1 < boundaries.size(); ++s) {
    const int64_t begin = boundaries[s];
    const int64_t length = boundaries[s + 1] - begin;
    const auto [keys, values] = cache.add(layer, static_cast<int64_t>(s), heads_of(new_keys, begin, length, heads),
                                          heads_of(new_values, begin, length, heads));
    const at::Tensor scores =
        at::bmm(heads_of(queries, begin, length, heads), keys.transpose(1, 2)).to(softmax_type(query)).mul_(scale);
    if (length > 1) {
      const int64_t before = keys.size(1) - length;
      scores.masked_fill_(at::ones({length, keys.size(1)}, query.options().dtype(at::kBool)).triu_(before + 1),
                          -std::numeric_limits<double>::infinity());
    }
    heads_of(out, begin, length, heads).copy_(at::bmm(at::_softmax(scores, -1, false).to(query.scalar_type()), values));
  }
  return out;
}

}  // namespace broadsheet
