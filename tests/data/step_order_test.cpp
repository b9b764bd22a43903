#include "data/step_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "core/random.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// As comments and articles have them: many short, few long.
int64_t length_of(int64_t example) {
  const uint64_t random = mix(17, static_cast<uint64_t>(example));
  return random % 7 == 0 ? 128 + static_cast<int64_t>(random / 7 % 385) : 5 + static_cast<int64_t>(random / 7 % 40);
}

struct Mode {
  std::string name;
  bool bucketed = false, tokens = false, blocks = false, mixture = false;
};

const std::vector<Mode>& all_modes() {
  static const std::vector<Mode> modes = [] {
    std::vector<Mode> made;
    for (int i = 0; i < 16; ++i) {
      Mode mode{"", (i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0};
      mode.name = cat(mode.bucketed ? "bucketed " : "", mode.tokens ? "tokens " : "", mode.blocks ? "blocks " : "",
                      mode.mixture ? "mixture" : "");
      made.push_back(mode);
    }
    return made;
  }();
  return modes;
}

// Three sources, the first in two ranges, one of them much smaller than its share.
std::vector<SourceShare> sources_of(int64_t examples) {
  const int64_t a = examples / 10, b = examples / 2, c = examples - examples / 5;
  return {{5, {{0, a}, {c, examples}}}, {3, {{a, b}}}, {2, {{b, c}}}};
}

BatchPlan plan_of(const Mode& mode, int64_t examples, int64_t batch = 8, uint64_t seed = 1) {
  BatchPlan plan = make_plan(examples, batch, seed, "corpus");
  plan.bucketed = mode.bucketed;
  if (mode.blocks) plan.shuffle = {6, 5};
  std::vector<SourceShare> sources;
  if (mode.mixture) sources = sources_of(examples);
  if (mode.mixture) plan.mixture = std::make_shared<const Mixture>(sources);
  if (mode.tokens) {
    plan.mean_length = mean_length(examples, sources, length_of);
    plan.global_batch_tokens = std::llround(plan.mean_length * static_cast<double>(batch));
  }
  return plan;
}

std::vector<int64_t> epoch_of(const StepOrder& order, int64_t epoch) {
  std::vector<int64_t> all;
  const int64_t steps = order.plan().steps_per_epoch();
  for (int64_t step = epoch * steps; step < (epoch + 1) * steps; ++step) {
    const std::vector<int64_t> examples = order.examples(step);
    EXPECT_FALSE(examples.empty());
    all.insert(all.end(), examples.begin(), examples.end());
  }
  return all;
}

TEST(StepOrder, EachExampleComesOnceAnEpochWhateverTheMode) {
  for (const Mode& mode : all_modes()) {
    if (mode.mixture) continue;
    for (const int64_t examples : {1, 2, 7, 8, 9, 255, 256, 257, 511, 1000}) {
      const StepOrder order(plan_of(mode, examples), length_of);
      for (const int64_t epoch : {0, 1, 5}) {
        std::vector<int64_t> all = epoch_of(order, epoch), wanted(static_cast<size_t>(examples));
        std::iota(wanted.begin(), wanted.end(), 0);
        std::sort(all.begin(), all.end());
        ASSERT_EQ(all, wanted) << mode.name << " " << examples << " examples, epoch " << epoch;
      }
    }
  }
}

TEST(StepOrder, TheOrderIsTheWholeRunsCutIntoWindows) {
  for (const Mode& mode : all_modes()) {
    const BatchPlan plan = plan_of(mode, 777);
    const StepOrder order(plan, length_of);
    std::vector<int64_t> plain;
    for (int64_t position = 0; position < 777; ++position) plain.push_back(example_at(plan, 1, position));
    std::vector<int64_t> stepped = epoch_of(order, 1);
    ASSERT_EQ(stepped.size(), plain.size()) << mode.name;
    const auto window = static_cast<size_t>(plan.window_examples());
    for (size_t begin = 0; begin < plain.size(); begin += window) {
      const size_t end = std::min(begin + window, plain.size());
      const auto part = [&](std::vector<int64_t>& all) {
        std::sort(all.begin() + static_cast<int64_t>(begin), all.begin() + static_cast<int64_t>(end));
      };
      part(plain);
      part(stepped);
    }
    ASSERT_EQ(stepped, plain) << mode.name;
  }
}

// A source's own order goes on from epoch to epoch of the run, and has each of its examples once in each of its own.
TEST(StepOrder, AMixtureTakesEachSourcesExamplesInTurn) {
  for (const bool blocks : {false, true}) {
    const BatchPlan plan = plan_of({"", false, false, blocks, true}, 300);
    const StepOrder order(plan, length_of);
    std::vector<std::vector<int64_t>> drawn(3);
    for (int64_t epoch = 0; epoch < 4; ++epoch)
      for (const int64_t example : epoch_of(order, epoch))
        drawn[example < 30 || example >= 240 ? 0 : example < 150 ? 1 : 2].push_back(example);
    for (size_t source = 0; source < 3; ++source) {
      const auto size = static_cast<size_t>(plan.mixture->size(static_cast<int64_t>(source)));
      std::set<std::vector<int64_t>> orders;
      size_t passes = 0;
      for (size_t begin = 0; begin + size <= drawn[source].size(); begin += size, ++passes) {
        const auto first = drawn[source].begin() + static_cast<int64_t>(begin);
        const std::vector<int64_t> pass(first, first + static_cast<int64_t>(size));
        ASSERT_EQ(std::set<int64_t>(pass.begin(), pass.end()).size(), size) << "source " << source;
        orders.insert(pass);
      }
      ASSERT_GE(passes, 2u);
      EXPECT_EQ(orders.size(), passes) << "another order each time";
    }
  }
}

TEST(StepOrder, AMixtureIsWithinAnExampleOfItsSharesAfterAnyStep) {
  const BatchPlan plan = plan_of({"", false, false, false, true}, 997, 13);
  const StepOrder order(plan, length_of);
  const std::vector<int64_t> weights = {5, 3, 2};
  std::vector<int64_t> drawn(3);
  int64_t all = 0;
  for (int64_t step = 0; step < 3 * plan.steps_per_epoch(); ++step) {
    for (const int64_t example : order.examples(step)) {
      ++drawn[example < 99 || example >= 798 ? 0 : example < 498 ? 1 : 2];
      ++all;
    }
    for (size_t source = 0; source < 3; ++source)
      ASSERT_LT(std::abs(drawn[source] * 10 - weights[source] * all), 10) << "source " << source << ", step " << step;
  }
}

TEST(StepOrder, AnyStepIsTheSameWhereverOneBegins) {
  for (const Mode& mode : all_modes()) {
    const StepOrder whole(plan_of(mode, 600), length_of);
    std::vector<std::vector<int64_t>> steps;
    for (int64_t step = 0; step < 2 * whole.plan().steps_per_epoch() + 3; ++step) steps.push_back(whole.examples(step));
    for (const int64_t first : {0, 1, 31, 32, 33, 70, 74, 75, 76}) {
      const StepOrder resumed(plan_of(mode, 600), length_of);
      for (int64_t step = first; step < std::min<int64_t>(first + 3, static_cast<int64_t>(steps.size())); ++step)
        ASSERT_EQ(resumed.examples(step), steps[static_cast<size_t>(step)]) << mode.name << " step " << step;
    }
  }
}

TEST(StepOrder, AnyNumberOfRanksHasTheSameExamplesInAStep) {
  for (const Mode& mode : all_modes()) {
    const StepOrder order(plan_of(mode, 500), length_of);
    for (int64_t step = 0; step < order.plan().steps_per_epoch(); ++step) {
      const std::vector<int64_t> whole = order.examples(step);
      std::vector<int64_t> lengths;
      for (const int64_t example : whole) lengths.push_back(length_of(example));
      for (const int64_t world_size : {1, 2, 3, 5}) {
        std::vector<size_t> joined, wanted(whole.size());
        for (int64_t rank = 0; rank < world_size; ++rank)
          for (const size_t i : balanced_share(lengths, {rank, world_size})) joined.push_back(i);
        std::sort(joined.begin(), joined.end());
        std::iota(wanted.begin(), wanted.end(), size_t{0});
        ASSERT_EQ(joined, wanted) << mode.name;
      }
    }
  }
}

TEST(StepOrder, ReadersOfSeveralThreadsGetTheSame) {
  for (const Mode& mode : all_modes()) {
    const StepOrder order(plan_of(mode, 2000), length_of), alone(plan_of(mode, 2000), length_of);
    const int64_t steps = order.plan().steps_per_epoch();
    std::atomic<int64_t> next{0}, unlike{0};
    std::vector<std::vector<int64_t>> wanted;
    for (int64_t step = 0; step < steps; ++step) wanted.push_back(alone.examples(step));
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] {
        for (int64_t step; (step = next++) < steps;)
          unlike += order.examples(step) != wanted[static_cast<size_t>(step)];
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(unlike, 0) << mode.name;
  }
}

TEST(Bucketed, StepsHaveTheSizesThatTheyHadAndLikeLengthsTogether) {
  for (const int64_t examples : {5, 256, 1000, 1003}) {
    const BatchPlan plan = plan_of({"", true}, examples), packed = plan_of({}, examples);
    ASSERT_EQ(plan.steps_per_epoch(), packed.steps_per_epoch());
    const StepOrder order(plan, length_of), before(packed, length_of);
    double spread = 0, spread_before = 0;
    const auto range = [](const std::vector<int64_t>& step) {
      const auto [least, most] = std::minmax_element(step.begin(), step.end(),
                                                     [](int64_t a, int64_t b) { return length_of(a) < length_of(b); });
      return static_cast<double>(length_of(*most) - length_of(*least));
    };
    for (int64_t step = 0; step < 2 * plan.steps_per_epoch(); ++step) {
      ASSERT_EQ(static_cast<int64_t>(order.examples(step).size()), plan.batch_size_of(step)) << examples << " " << step;
      spread += range(order.examples(step));
      spread_before += range(before.examples(step));
    }
    if (examples > 8) {
      EXPECT_LT(spread, spread_before / 5) << examples;
    }
  }
}

TEST(Bucketed, TheStepsOfAWindowAreNotInOrderOfLength) {
  const StepOrder order(plan_of({"", true}, 512), length_of);
  std::vector<int64_t> firsts, second;
  for (int64_t step = 0; step < 32; ++step) firsts.push_back(length_of(order.examples(step)[0]));
  for (int64_t step = 32; step < 64; ++step) second.push_back(length_of(order.examples(step)[0]));
  EXPECT_FALSE(std::is_sorted(firsts.begin(), firsts.end()));
  const auto place_of_longest = [](const std::vector<int64_t>& all) {
    return std::max_element(all.begin(), all.end()) - all.begin();
  };
  EXPECT_NE(place_of_longest(firsts), place_of_longest(second)) << "each window has its own order";
}

TEST(Tokens, StepsAreAsManyAsTheWindowsSayAndNearTheWantedNumber) {
  for (const bool bucketed : {false, true}) {
    const BatchPlan plan = plan_of({"", bucketed, true}, 5000, 16);
    const StepOrder order(plan, length_of);
    const int64_t window = plan.window_examples(), steps = plan.window_steps(window);
    EXPECT_EQ(window, 32 * 16);
    EXPECT_EQ(plan.steps_per_epoch(), 5000 / window * steps + plan.window_steps(5000 % window));
    for (int64_t first = 0; first + steps <= plan.steps_per_epoch(); first += steps) {
      int64_t all = 0, longest = 0;
      std::vector<int64_t> sums;
      for (int64_t step = first; step < first + steps; ++step) {
        sums.push_back(0);
        for (const int64_t example : order.examples(step)) {
          sums.back() += length_of(example);
          longest = std::max(longest, length_of(example));
        }
        all += sums.back();
      }
      for (const int64_t sum : sums) EXPECT_LE(std::abs(sum * steps - all), longest * steps);
    }
    double all = 0;
    for (int64_t example = 0; example < 5000; ++example) all += static_cast<double>(length_of(example));
    EXPECT_NEAR(all / static_cast<double>(plan.steps_per_epoch()), static_cast<double>(plan.global_batch_tokens),
                0.05 * static_cast<double>(plan.global_batch_tokens));
  }
}

TEST(Tokens, FewerThanAnExampleHasMakeStepsOfOne) {
  BatchPlan plan = plan_of({"", false, true}, 50);
  plan.global_batch_tokens = 1;
  const StepOrder order(plan, length_of);
  EXPECT_EQ(plan.steps_per_epoch(), 50);
  for (int64_t step = 0; step < 50; ++step) EXPECT_EQ(order.examples(step).size(), 1u);
}

TEST(CutEvenly, NoRunIsFurtherFromItsShareThanTheLongestExample) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::vector<int64_t> lengths;
    const auto count = static_cast<int64_t>(1 + mix64(seed) % 60);
    for (int64_t i = 0; i < count; ++i) lengths.push_back(length_of(static_cast<int64_t>(seed) * 100 + i));
    if (seed % 3 == 0) std::sort(lengths.begin(), lengths.end());
    const int64_t all = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
    const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
    for (const int64_t steps : {int64_t{1}, std::min<int64_t>(2, count), (count + 1) / 2, count}) {
      const std::vector<size_t> ends = cut_evenly(lengths, steps);
      ASSERT_EQ(static_cast<int64_t>(ends.size()), steps);
      ASSERT_EQ(ends.back(), lengths.size());
      size_t begin = 0;
      for (const size_t end : ends) {
        ASSERT_LT(begin, end) << "no run is empty";
        const int64_t sum = std::accumulate(lengths.begin() + static_cast<int64_t>(begin),
                                            lengths.begin() + static_cast<int64_t>(end), int64_t{0});
        ASSERT_LE(std::abs(sum * steps - all), longest * steps);
        begin = end;
      }
    }
  }
}

TEST(MeanLength, IsExactOfFewAndNearOfMany) {
  double all = 0;
  for (int64_t example = 0; example < 1000; ++example) all += static_cast<double>(length_of(example));
  EXPECT_DOUBLE_EQ(mean_length(1000, {}, length_of), all / 1000);
  int64_t asked = 0;
  const double of_billion = mean_length(1'000'000'000, {}, [&](int64_t example) {
    ++asked;
    return length_of(example);
  });
  EXPECT_EQ(asked, 65'536);
  EXPECT_NEAR(of_billion, all / 1000, 0.1 * all / 1000);
  EXPECT_EQ(mean_length(0, {}, length_of), 0);
}

TEST(MeanLength, OfAMixtureGoesByTheWeights) {
  const auto length = [](int64_t example) { return example < 100 ? int64_t{10} : int64_t{50}; };
  EXPECT_DOUBLE_EQ(mean_length(1000, {{3, {{0, 100}}}, {1, {{100, 1000}}}}, length), 20);
}

// Work is counted, not timed: how many lengths a step asks for, of a corpus that nobody could list.
TEST(StepOrder, StepTenMillionOfABillionExamplesLooksAtAWindowAndNoMore) {
  for (const Mode& mode : all_modes()) {
    BatchPlan plan = make_plan(1'000'000'000, 64, 1, "corpus");
    plan.bucketed = mode.bucketed;
    if (mode.blocks) plan.shuffle = {4096, 64};
    if (mode.mixture) plan.mixture = std::make_shared<const Mixture>(sources_of(plan.examples));
    if (mode.tokens) {
      plan.mean_length = 77.7;
      plan.global_batch_tokens = 4973;
    }
    std::atomic<int64_t> asked{0};
    const StepOrder order(plan, [&](int64_t example) {
      ++asked;
      return length_of(example);
    });
    const std::vector<int64_t> step = order.examples(10'000'000);
    ASSERT_FALSE(step.empty()) << mode.name;
    ASSERT_LE(asked, plan.has_windows() ? plan.window_examples() : 0) << mode.name;
    EXPECT_EQ(order.examples(10'000'000), step);
    EXPECT_LE(asked, plan.has_windows() ? plan.window_examples() : 0) << "the window is held";
    for (const int64_t example : step) EXPECT_TRUE(example >= 0 && example < plan.examples);
  }
}

TEST(SoonRead, NamesEveryBlockOnceBeforeItsExamplesCome) {
  for (const Mode& mode : all_modes()) {
    const BatchPlan plan = plan_of(mode, 700);
    const StepOrder order(plan, length_of);
    std::map<int64_t, int> announced;
    for (int64_t step = 0; step < plan.steps_per_epoch(); ++step) {
      for (const ExampleRange& range : order.soon_read(step))
        for (int64_t example = range.begin; example < range.end; ++example) ++announced[example];
      if (!mode.blocks) continue;
      for (const int64_t example : order.examples(step)) ASSERT_GE(announced[example], 1) << mode.name << " " << step;
    }
    EXPECT_EQ(announced.empty(), !mode.blocks);
    if (mode.mixture) continue;
    for (const auto& [example, times] : announced) EXPECT_EQ(times, 1) << mode.name;
  }
}

}  // namespace
}  // namespace broadsheet
