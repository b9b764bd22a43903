// Writing texts, against transformers: golden files of tests/golden/make_generate_golden.py.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/generation/decoder.h"
#include "trainer/generation/token_choice.h"

namespace broadsheet {
namespace {

using fixtures::error_of;
using fixtures::max_difference;
using fixtures::read_json;
using fixtures::WordTokenizer;

std::string generate_folder() {
  return cat(BROADSHEET_SOURCE_DIR, "/tests/golden/generate");
}

// The golden model, whose token 0 ends a text.
class Generation : public ::testing::Test {
 protected:
  std::vector<Generated> write(const std::vector<Prompt>& prompts, const GenerationOptions& options) const {
    return write_texts({*model_, tokenizer_, 0, 48}, prompts, options);
  }
  std::vector<Prompt> prompts() const {
    std::vector<Prompt> all;
    for (const auto& ids : golden_["prompts"]) all.push_back({ids.get<std::vector<int32_t>>(), all.size()});
    return all;
  }

  const nlohmann::json golden_ = read_json(generate_folder() + "/generate.json");
  const WeightFiles files_ = WeightFiles::open(generate_folder());
  const std::unique_ptr<LanguageModel> model_ = make_model(
      read_architecture(read_json(generate_folder() + "/config.json"), "config.json"), {.causal_lm = true}, &files_, 1);
  const WordTokenizer tokenizer_;
};

GenerationOptions options_of(const nlohmann::json& json) {
  GenerationOptions options;
  options.max_new_tokens = json.value("max_new_tokens", options.max_new_tokens);
  options.min_new_tokens = json.value("min_new_tokens", options.min_new_tokens);
  options.num_beams = json.value("num_beams", options.num_beams);
  options.length_penalty = json.value("length_penalty", options.length_penalty);
  options.repetition_penalty = json.value("repetition_penalty", options.repetition_penalty);
  options.temperature = json.value("temperature", options.temperature);
  options.top_k = json.value("top_k", options.top_k);
  options.top_p = json.value("top_p", options.top_p);
  return options;
}

std::vector<int32_t> with_end(const Generated& text) {
  std::vector<int32_t> ids = text.tokens;
  if (text.finish == Finish::kEnd) ids.push_back(0);
  return ids;
}

TEST_F(Generation, GreedyAndBeamTextsAreThoseOfTransformers) {
  ASSERT_EQ(golden_["cases"].size(), 12);
  for (const auto& one : golden_["cases"]) {
    for (const bool use_cache : {true, false}) {
      GenerationOptions options = options_of(one["options"]);
      options.use_cache = use_cache;
      const std::vector<Generated> texts = write(prompts(), options);
      ASSERT_EQ(texts.size(), one["texts"].size());
      for (size_t i = 0; i < texts.size(); ++i) {
        EXPECT_EQ(with_end(texts[i]), one["texts"][i].get<std::vector<int32_t>>())
            << one["options"] << " prompt " << i << " cache " << use_cache;
      }
    }
  }
}

TEST_F(Generation, WhatMayBeDrawnIsWhatTransformersLeaves) {
  ASSERT_GE(golden_["sampling"].size(), 5);
  for (const auto& one : golden_["sampling"]) {
    const auto scores = one["scores"].get<std::vector<float>>();
    const auto tokens = drawn_from(scores, options_of(one["options"]));
    ASSERT_EQ(tokens.size(), one["probabilities"].size()) << one["options"];
    for (const auto& [token, probability] : tokens)
      EXPECT_NEAR(probability, one["probabilities"][std::to_string(token)].get<double>(), 1e-6) << one["options"];
  }
}

TEST_F(Generation, OfManyTokensTheSameMayBeDrawnHoweverFarTheyAreSorted) {
  std::vector<float> scores;
  for (int i = 0; i < 1000; ++i) scores.push_back(static_cast<float>(i * 7919 % 1000) / 100);
  GenerationOptions options;
  options.top_k = 400;
  const auto first = drawn_from(scores, options);
  ASSERT_EQ(first.size(), 400);
  options.top_k = 0;
  const auto all = drawn_from(scores, options);
  ASSERT_EQ(all.size(), 1000);
  options.top_p = 0.95;
  const auto most = drawn_from(scores, options);
  double kept = 0;
  for (size_t place = 0; place < most.size(); ++place) {
    if (place > 0) {
      EXPECT_GT(most[place - 1].second, most[place].second);
    }
    kept += all[static_cast<size_t>(most[place].first)].second;
  }
  const double last = all[static_cast<size_t>(most.back().first)].second;
  EXPECT_GE(kept, 0.95);
  EXPECT_LT(kept - last, 0.95);
  for (size_t place = 0; place < std::min(first.size(), most.size()); ++place)
    EXPECT_EQ(first[place].first, most[place].first);
}

TEST_F(Generation, ADrawFollowsTheProbabilities) {
  const std::vector<std::pair<int32_t, double>> tokens = {{7, 0.5}, {3, 0.3}, {9, 0.2}};
  EXPECT_EQ(draw(tokens, 0), 7);
  EXPECT_EQ(draw(tokens, 0.49), 7);
  EXPECT_EQ(draw(tokens, 0.51), 3);
  EXPECT_EQ(draw(tokens, 0.81), 9);
  EXPECT_EQ(draw(tokens, 0.9999999), 9);
}

TEST_F(Generation, DrawnTextsDependOnTheirSeedAndNumberAlone) {
  GenerationOptions options;
  options.do_sample = true;
  options.temperature = 2;
  options.max_new_tokens = 12;
  const std::vector<Prompt> all = prompts();
  const std::vector<Generated> together = write(all, options);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(write({all[i]}, options)[0].tokens, together[i].tokens) << i;
  std::set<std::vector<int32_t>> different;
  for (uint64_t number = 0; number < 8; ++number) different.insert(write({{all[1].tokens, number}}, options)[0].tokens);
  EXPECT_GT(different.size(), 4);
  options.seed = 2;
  EXPECT_NE(write({all[1]}, options)[0].tokens, together[1].tokens);
}

TEST_F(Generation, ATextEndsBeforeAStopString) {
  GenerationOptions options;
  options.max_new_tokens = 24;
  options.min_new_tokens = 24;
  const Generated whole = write({prompts()[1]}, options)[0];
  ASSERT_EQ(whole.tokens.size(), 24);
  const std::string stop = tokenizer_.token(whole.tokens[1]);
  options.min_new_tokens = 0;
  options.stop_strings = {"nowhere", stop};
  for (const int64_t beams : {1, 3}) {
    options.num_beams = beams;
    for (const Generated& text : write(prompts(), options)) {
      EXPECT_EQ(text.text.find(stop), std::string::npos);
      const std::string decoded = tokenizer_.decode(text.tokens);
      EXPECT_EQ(text.finish == Finish::kStop, decoded.find(stop) != std::string::npos) << decoded;
      EXPECT_EQ(decoded.rfind(text.text, 0), 0);
    }
  }
  options.num_beams = 1;
  EXPECT_EQ(write({prompts()[1]}, options)[0].finish, Finish::kStop);
}

TEST_F(Generation, TheModelsLastPositionIsAnEnd) {
  GenerationOptions options;
  options.max_new_tokens = 1000;
  options.min_new_tokens = 1000;
  for (const int64_t beams : {1, 2}) {
    options.num_beams = beams;
    const std::vector<Generated> texts = write({{std::vector<int32_t>(45, 7), 0}, {{4, 9}, 1}}, options);
    EXPECT_EQ(texts[0].tokens.size(), 3);
    EXPECT_EQ(texts[1].tokens.size(), 46);
    EXPECT_EQ(texts[1].finish, Finish::kLength);
  }
  const std::string message = error_of([&] { write({{std::vector<int32_t>(48, 7), 0}}, options); });
  EXPECT_NE(message.find("48 tokens"), std::string::npos) << message;
  EXPECT_NE(message.find("at most 47"), std::string::npos) << message;
}

TEST_F(Generation, EveryWrongOptionIsNamedAtOnce) {
  GenerationOptions options;
  options.max_new_tokens = 0;
  options.temperature = 0;
  options.top_p = 1.5;
  options.top_k = -1;
  options.repetition_penalty = -2;
  options.stop_strings = {""};
  options.num_beams = 2;
  options.do_sample = true;
  const std::string message = error_of([&] { write(prompts(), options); });
  for (const char* name :
       {"max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "stop", "num_beams"})
    EXPECT_NE(message.find(name), std::string::npos) << name << " in " << message;
}

TEST_F(Generation, NewTokensSeeWhatTheCacheHolds) {
  const at::NoGradGuard no_grad;
  const auto input_of = [](const std::vector<std::vector<int64_t>>& texts, const std::vector<int64_t>& begins) {
    Batch batch;
    batch.boundaries = {0};
    for (size_t t = 0; t < texts.size(); ++t) {
      for (size_t i = 0; i < texts[t].size(); ++i) {
        batch.tokens.push_back(texts[t][i]);
        batch.positions.push_back(begins[t] + static_cast<int64_t>(i));
      }
      batch.boundaries.push_back(batch.total());
      batch.examples.push_back(static_cast<int64_t>(t));
    }
    batch.token_types.assign(batch.tokens.size(), 0);
    return to_input(batch, at::kCPU);
  };
  const at::Tensor whole = model_->encode(input_of({{3, 8, 5, 9, 2}, {7, 7, 4}}, {0, 0}), {});
  KeyValueCache cache(2);
  model_->encode_next(input_of({{3, 8}, {7}}, {0, 0}), cache);
  EXPECT_EQ(cache.length(0), 2);
  cache.keep({1, 0, 0});  // and back, with a copy that goes another way
  const at::Tensor rest = model_->encode_next(input_of({{7, 4}, {1}, {5, 9, 2}}, {1, 2, 2}), cache);
  EXPECT_EQ(cache.length(2), 5);
  EXPECT_LT(max_difference(rest.slice(0, 0, 2), whole.slice(0, 6, 8)), 1e-5);
  EXPECT_LT(max_difference(rest.slice(0, 3, 6), whole.slice(0, 2, 5)), 1e-5);
}

}  // namespace
}  // namespace broadsheet
