#include "trainer/generation/decoder.h"

#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "core/errors.h"
#include "core/random.h"
#include "core/text.h"
#include "trainer/generation/beam_search.h"
#include "trainer/generation/growing_texts.h"
#include "trainer/generation/text_end.h"
#include "trainer/generation/token_choice.h"

namespace broadsheet {
namespace {

// The token behind one text; `scores` are changed.
int32_t next_token(const Writer& writer, const GenerationOptions& options, const std::vector<int32_t>& text,
                   const Prompt& prompt, std::span<float> scores) {
  penalise_repetition(scores, text, options.repetition_penalty);
  const auto written = static_cast<int64_t>(text.size() - prompt.tokens.size());
  if (written < options.min_new_tokens)
    scores[static_cast<size_t>(writer.end)] = -std::numeric_limits<float>::infinity();
  if (!options.do_sample) return most_likely(scores);
  const RandomStream stream(mix(mix(options.seed, prompt.number), static_cast<uint64_t>(written)));
  return draw(drawn_from(scores, options), stream.uniform(0));
}

// Greedily or by drawing.
std::vector<Generated> write_on(const Writer& writer, const std::vector<Prompt>& prompts,
                                const GenerationOptions& options) {
  const TextEnds ends(writer, options);
  std::vector<std::vector<int32_t>> beginnings;
  std::vector<size_t> going;  // whose texts they are
  for (size_t i = 0; i < prompts.size(); ++i) {
    beginnings.push_back(prompts[i].tokens);
    going.push_back(i);
  }
  GrowingTexts texts(writer.model, std::move(beginnings), options.use_cache);
  std::vector<Generated> results(prompts.size());
  while (!going.empty()) {
    const at::Tensor logits = texts.next();
    const auto vocabulary = static_cast<size_t>(logits.size(1));
    std::vector<int32_t> tokens;
    for (size_t row = 0; row < going.size(); ++row) {
      const std::span<float> scores(logits.mutable_data_ptr<float>() + row * vocabulary, vocabulary);
      tokens.push_back(next_token(writer, options, texts.text(row), prompts[going[row]], scores));
    }
    texts.append(tokens);
    std::vector<int64_t> rows;
    std::vector<size_t> still;
    for (size_t row = 0; row < going.size(); ++row) {
      const size_t given = prompts[going[row]].tokens.size();
      const std::optional<Finish> finish = ends.end_of(texts.text(row), given);
      if (finish) {
        results[going[row]] = ends.generated(texts.text(row), given, *finish);
      } else {
        rows.push_back(static_cast<int64_t>(row));
        still.push_back(going[row]);
      }
    }
    if (rows.size() < going.size()) texts.keep(rows);
    going = std::move(still);
  }
  return results;
}

}  // namespace

const char* finish_name(Finish finish) {
  return finish == Finish::kEnd ? "end" : finish == Finish::kStop ? "stop" : "length";
}

std::vector<Generated> write_texts(const Writer& writer, const std::vector<Prompt>& prompts,
                                   const GenerationOptions& options) {
  check_generation(options);
  for (const Prompt& prompt : prompts) {
    BROADSHEET_ASSERT(!prompt.tokens.empty());
    const auto length = static_cast<int64_t>(prompt.tokens.size());
    if (length >= writer.positions)
      throw UserError("generate.prompt",
                      cat("a prompt has ", length, " tokens, the model ", writer.positions, " positions"),
                      cat("give a prompt of at most ", writer.positions - 1, " tokens"));
  }
  const at::NoGradGuard no_grad;
  return options.num_beams > 1 ? search_beams(writer, prompts, options) : write_on(writer, prompts, options);
}

}  // namespace broadsheet
