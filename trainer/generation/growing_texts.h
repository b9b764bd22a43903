// Texts that a model goes on writing, all by one token at a time.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "trainer/models/key_value_cache.h"
#include "trainer/models/language_model.h"

namespace broadsheet {

class GrowingTexts {
 public:
  // `model` is borrowed. `texts`: token ids, at least one each.
  GrowingTexts(const LanguageModel& model, std::vector<std::vector<int32_t>> texts, bool use_cache);

  int64_t size() const { return static_cast<int64_t>(texts_.size()); }
  const std::vector<int32_t>& text(size_t i) const { return texts_.at(i); }

  // What comes behind each text: logits [texts, vocabulary], float32 on the CPU, contiguous.
  at::Tensor next();
  // Text i is from now on what text rows[i] was; a row may be named several times, or never.
  void keep(const std::vector<int64_t>& rows);
  // One token for each text.
  void append(const std::vector<int32_t>& tokens);

 private:
  const LanguageModel& model_;
  std::vector<std::vector<int32_t>> texts_;
  bool use_cache_;
  KeyValueCache cache_;
};

}  // namespace broadsheet
