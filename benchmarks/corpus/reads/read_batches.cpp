// Training reads in random order as the trainer makes them: shuffled, packed, masked. For
// benchmarks/corpus/reads/run.sh.
//   read_batches CORPUS TOKENIZER FIELD BATCH STEPS [FIRST_STEP]
// Prints one JSON object: samples and tokens, seconds for opening the corpus, from there to the first batch and to the
// last, CPU seconds of all threads, and seconds that the reader waited for the loader's batches.
#include <chrono>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/errors.h"
#include "data/batch.h"
#include "data/masking.h"
#include "data/plan.h"
#include "data/step_loader.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void run(const std::vector<std::string>& arguments) {
  const auto opening = std::chrono::steady_clock::now();
  const auto corpus = ShardSet::open(arguments.at(0));
  const double opened = seconds_since(opening);
  const auto tokenizer = load_tokenizer(arguments.at(1));
  const int64_t batch_size = std::stoll(arguments.at(3)), steps = std::stoll(arguments.at(4));
  const int64_t first = arguments.size() > 5 ? std::stoll(arguments[5]) : 0;
  PackSpec spec;
  spec.text = arguments.at(2);
  spec.max_length = 128;
  spec.specials = tokenizer->special_tokens();
  const BatchPlan plan = make_plan(corpus->size(Split::kTrain), batch_size, 1, corpus->fingerprint());

  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu = std::clock();
  StepLoader loader(
      [&](int64_t step) {
        StepBatches made;
        made.batches.push_back(pack(*corpus, spec, sample_ids(plan, step)));
        MaskingSpec masking;
        masking.step = static_cast<uint64_t>(step);
        masking.vocab_size = tokenizer->vocab_size();
        masking.specials = spec.specials;
        mask_tokens(made.batches[0], masking);
        return made;
      },
      first + steps, corpus->folder());
  double first_batch = 0;
  int64_t samples = 0, tokens = 0, masked = 0;
  for (int64_t step = first; step < first + steps; ++step) {
    const StepBatches made = loader.take(step);
    if (step == first) first_batch = seconds_since(begin);
    samples += made.batches[0].sequences();
    tokens += made.batches[0].total();
    masked += static_cast<int64_t>(made.batches[0].labels.size());
  }
  std::cout << nlohmann::json{{"who", "ours"},
                              {"samples", samples},
                              {"tokens", tokens},
                              {"masked", masked},
                              {"open", opened},
                              {"first_batch", first_batch},
                              {"seconds", seconds_since(begin)},
                              {"cpu_seconds", static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC}}
                   .dump()
            << "\n";
}

}  // namespace
}  // namespace broadsheet

int main(int argc, char** argv) {
  try {
    broadsheet::run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
