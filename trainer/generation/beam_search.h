// Beam search with the numbers of transformers' _beam_search (5.x, early_stopping: false). Inside trainer/generation
// only.
#pragma once

#include <vector>

#include "trainer/generation/decoder.h"

namespace broadsheet {

// The best text behind each prompt. Every prompt is searched as if it were alone; only the passes are shared.
std::vector<Generated> search_beams(const Writer& writer, const std::vector<Prompt>& prompts,
                                    const GenerationOptions& options);

}  // namespace broadsheet
