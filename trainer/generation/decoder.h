// Decoder: a causal model writes on behind prompts: greedily, by drawing, or by beam search.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/tokenizers/tokenizer.h"
#include "trainer/generation/generation_options.h"
#include "trainer/models/language_model.h"

namespace broadsheet {

struct Prompt {
  std::vector<int32_t> tokens;  // at least one
  // Whose draws these are: a text depends on (seed, number, its own prompt) alone, never on what is written beside it.
  uint64_t number = 0;
};

enum class Finish {
  kEnd,     // the model wrote the token that ends a text
  kStop,    // it came to one of the stop strings
  kLength,  // max_new_tokens, or the model's last position
};
const char* finish_name(Finish finish);  // "end", "stop", "length"

struct Generated {
  std::vector<int32_t> tokens;  // without the prompt and the end's token; with those of a stop string
  std::string text;             // of them, up to the stop string
  Finish finish = Finish::kLength;
};

// What a decoder writes with.
struct Writer {
  const LanguageModel& model;  // causal, with its head
  const Tokenizer& tokenizer;
  int32_t end = -1;       // the token that ends a text
  int64_t positions = 0;  // that a sequence may have
};

// One text behind each prompt, all of them together. The same tokens as transformers' generate() for greedy decoding
// and beam search (do_sample: false, early_stopping: false), where nothing ties. UserError("generate.prompt") for a
// prompt that leaves no position free; as check_generation().
std::vector<Generated> write_texts(const Writer& writer, const std::vector<Prompt>& prompts,
                                   const GenerationOptions& options);

}  // namespace broadsheet
