#include "trainer/generation/generation_options.h"

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {

void check_generation(const GenerationOptions& options) {
  Faults faults;
  const auto wrong = [&](bool is_wrong, const std::string& what, const std::string& remedy) {
    if (is_wrong) faults.add({"generate.options", {}, "", what, remedy});
  };
  wrong(options.max_new_tokens < 1, cat("max_new_tokens is ", options.max_new_tokens), "write at least 1");
  wrong(options.min_new_tokens < 0 || options.min_new_tokens > options.max_new_tokens,
        cat("min_new_tokens is ", options.min_new_tokens), cat("write 0 to max_new_tokens, ", options.max_new_tokens));
  wrong(options.num_beams < 1, cat("num_beams is ", options.num_beams), "write at least 1");
  wrong(options.num_beams > 1 && options.do_sample, "found num_beams beside sampling",
        "leave out num_beams, or temperature, top_k and top_p: drawn beams are not in this version");
  wrong(!(options.temperature > 0), cat("temperature is ", shortest(options.temperature)),
        "write more than 0; without it the most likely token is taken");
  wrong(options.top_k < 0, cat("top_k is ", options.top_k), "write at least 1, or 0 for all tokens");
  wrong(!(options.top_p > 0) || options.top_p > 1, cat("top_p is ", shortest(options.top_p)),
        "write more than 0 and at most 1");
  wrong(!(options.repetition_penalty > 0), cat("repetition_penalty is ", shortest(options.repetition_penalty)),
        "write more than 0; 1 changes nothing, 1.2 makes repetition less likely");
  for (const std::string& stop : options.stop_strings) wrong(stop.empty(), "a stop string is empty", "leave it out");
  faults.throw_if_any();
}

}  // namespace broadsheet
