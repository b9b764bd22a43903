// Which token comes next, from one row of scores by token id.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "trainer/generation/generation_options.h"

namespace broadsheet {

// Keskar et al., "CTRL" (2019), as transformers' RepetitionPenaltyLogitsProcessor: scores of the tokens of `text`,
// each once, divided by `penalty` where they are positive, else multiplied.
void penalise_repetition(std::span<float> scores, const std::vector<int32_t>& text, double penalty);

// The tokens that may be drawn with their probabilities, which sum to 1: temperature, top_k and top_p as transformers'
// warpers have them, in this order. Where these choose, the most likely first, the lower id first among equals; where
// all tokens may be drawn, by id.
std::vector<std::pair<int32_t, double>> drawn_from(std::span<const float> scores, const GenerationOptions& options);

// The one of them where the sum of the probabilities passes `uniform`, in [0, 1).
int32_t draw(const std::vector<std::pair<int32_t, double>>& tokens, double uniform);

// The most likely; the first among equals.
int32_t most_likely(std::span<const float> scores);

}  // namespace broadsheet
