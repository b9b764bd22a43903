// How texts are written. Names and meanings are those of transformers' GenerationConfig. No torch here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace broadsheet {

struct GenerationOptions {
  int64_t max_new_tokens = 64;    // behind the prompt; fewer where the model has no more positions
  int64_t min_new_tokens = 0;     // before which no text ends
  int64_t num_beams = 1;          // > 1: beam search, with early_stopping: false
  double length_penalty = 1;      // beams: a text's score is divided by its length to this power
  double repetition_penalty = 1;  // > 1: tokens that are there already are less likely
  bool do_sample = false;         // draws; else the most likely token is taken
  // Of drawing, one after the other: logits are divided by temperature; the top_k most likely tokens are kept (0: all);
  // of those the fewest that have at least top_p of the probability.
  double temperature = 1;
  int64_t top_k = 0;
  double top_p = 1;
  uint64_t seed = 1;
  std::vector<std::string> stop_strings;  // a text ends before the first of them
  bool use_cache = true;                  // of keys and values; without it every token costs a pass over the whole text
};

// UserError("generate.options") with everything that cannot be.
void check_generation(const GenerationOptions& options);

}  // namespace broadsheet
