// The baseline that the quickstart has to beat: logistic regression on the words of a prepared corpus.
//
//   bag-of-words CORPUS TEXT_FIELD LABEL_FIELD
//
// Each document is its tokens' tf-idf vector of length 1. Softmax regression with an L2 penalty is trained on the train
// split by stochastic gradient descent; the penalty is the one with the best macro-F1 on the validation split. Prints
// one JSON object: the test split's accuracy and macro-F1, and those of always answering the most frequent class.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "data/shards.h"

namespace broadsheet {
namespace {

struct Example {
  std::vector<std::pair<int32_t, float>> words;  // token and weight, ascending
  int32_t label = 0;
};

struct Scores {
  double accuracy = 0;
  double macro_f1 = 0;
};

Scores score(const std::vector<int32_t>& expected, const std::vector<int32_t>& answered, size_t classes) {
  std::vector<double> hits(classes), given(classes), wanted(classes);
  double right = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto truth = static_cast<size_t>(expected[i]), answer = static_cast<size_t>(answered[i]);
    wanted[truth] += 1;
    given[answer] += 1;
    if (truth == answer) {
      hits[truth] += 1;
      right += 1;
    }
  }
  Scores scores;
  scores.accuracy = right / static_cast<double>(expected.size());
  for (size_t c = 0; c < classes; ++c) {
    const double sum = given[c] + wanted[c];
    scores.macro_f1 += (sum > 0 ? 2 * hits[c] / sum : 0) / static_cast<double>(classes);
  }
  return scores;
}

std::vector<Example> read_split(const ShardSet& corpus, Split split, const std::string& text,
                                const std::string& label) {
  std::vector<Example> examples;
  for (int64_t document = 0; document < corpus.size(split); ++document) {
    std::map<int32_t, float> counts;
    for (const int32_t token : corpus.tokens(split, text, document)) counts[token] += 1;
    examples.push_back({{counts.begin(), counts.end()}, corpus.label(split, label, document)});
  }
  return examples;
}

// Inverse document frequency of each token in the train split.
std::vector<float> inverse_frequencies(const std::vector<Example>& train, size_t vocabulary) {
  std::vector<float> frequency(vocabulary, 1);
  for (const Example& example : train) {
    for (const auto& word : example.words) frequency[static_cast<size_t>(word.first)] += 1;
  }
  for (float& value : frequency) value = std::log((1 + static_cast<float>(train.size())) / value) + 1;
  return frequency;
}

void weigh(std::vector<Example>& examples, const std::vector<float>& inverse_frequency) {
  for (Example& example : examples) {
    double square = 0;
    for (auto& [token, weight] : example.words) {
      weight = (1 + std::log(weight)) * inverse_frequency[static_cast<size_t>(token)];
      square += static_cast<double>(weight) * weight;
    }
    for (auto& [token, weight] : example.words) weight /= static_cast<float>(std::sqrt(square));
  }
}

class SoftmaxRegression {
 public:
  SoftmaxRegression(size_t classes, size_t vocabulary)
      : classes_(classes), weights_(classes * vocabulary), bias_(classes) {}

  void train(const std::vector<Example>& examples, double penalty) {
    std::mt19937_64 generator(1);
    std::vector<size_t> order(examples.size());
    std::iota(order.begin(), order.end(), size_t{0});
    for (int epoch = 0; epoch < kEpochs; ++epoch) {
      for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[generator() % i]);
      const double rate = 2.0 / (1 + 0.3 * epoch);
      for (const size_t index : order) update(examples[index], rate, penalty);
    }
  }

  Scores test(const std::vector<Example>& examples) const {
    std::vector<int32_t> expected, answered;
    for (const Example& example : examples) {
      const std::vector<double> p = probabilities(example);
      expected.push_back(example.label);
      answered.push_back(static_cast<int32_t>(std::max_element(p.begin(), p.end()) - p.begin()));
    }
    return score(expected, answered, classes_);
  }

 private:
  static constexpr int kEpochs = 30;

  std::vector<double> probabilities(const Example& example) const {
    std::vector<double> p(bias_.begin(), bias_.end());
    for (const auto& [token, weight] : example.words) {
      for (size_t c = 0; c < classes_; ++c) p[c] += weights_[static_cast<size_t>(token) * classes_ + c] * weight;
    }
    const double highest = *std::max_element(p.begin(), p.end());
    double sum = 0;
    for (double& value : p) sum += value = std::exp(value - highest);
    for (double& value : p) value /= sum;
    return p;
  }

  // The penalty reaches only the weights of words that occur: the usual sparse approximation.
  void update(const Example& example, double rate, double penalty) {
    const std::vector<double> p = probabilities(example);
    for (size_t c = 0; c < classes_; ++c) {
      const double error = p[c] - (static_cast<size_t>(example.label) == c ? 1 : 0);
      bias_[c] -= 0.1 * rate * error;
      for (const auto& [token, weight] : example.words) {
        double& parameter = weights_[static_cast<size_t>(token) * classes_ + c];
        parameter -= rate * (error * weight + penalty * parameter);
      }
    }
  }

  size_t classes_;
  std::vector<double> weights_;  // [vocabulary, classes]
  std::vector<double> bias_;     // [classes]
};

Scores majority(const std::vector<Example>& train, const std::vector<Example>& test, size_t classes) {
  std::vector<int64_t> counts(classes);
  for (const Example& example : train) ++counts[static_cast<size_t>(example.label)];
  const auto most = static_cast<int32_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  std::vector<int32_t> expected;
  for (const Example& example : test) expected.push_back(example.label);
  return score(expected, std::vector<int32_t>(expected.size(), most), classes);
}

nlohmann::json run(const std::string& folder, const std::string& text, const std::string& label) {
  const auto corpus = ShardSet::open(folder);
  const size_t classes = corpus->field(label).classes.size();
  std::vector<Example> train = read_split(*corpus, Split::kTrain, text, label);
  std::vector<Example> validation = read_split(*corpus, Split::kValidation, text, label);
  std::vector<Example> test = read_split(*corpus, Split::kTest, text, label);
  int32_t highest = 0;
  for (const auto* split : {&train, &validation, &test}) {
    for (const Example& example : *split) {
      if (!example.words.empty()) highest = std::max(highest, example.words.back().first);
    }
  }
  const auto vocabulary = static_cast<size_t>(highest) + 1;
  const std::vector<float> inverse_frequency = inverse_frequencies(train, vocabulary);
  for (auto* split : {&train, &validation, &test}) weigh(*split, inverse_frequency);

  Scores best_validation, best_test;
  double best_penalty = 0;
  for (const double penalty : {0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2}) {
    SoftmaxRegression model(classes, vocabulary);
    model.train(train, penalty);
    const Scores scores = model.test(validation);
    if (scores.macro_f1 > best_validation.macro_f1) {
      best_validation = scores;
      best_test = model.test(test);
      best_penalty = penalty;
    }
  }
  const Scores always = majority(train, test, classes);
  return {{"examples", test.size()},
          {"penalty", best_penalty},
          {"bag_of_words", {{"accuracy", best_test.accuracy}, {"macro_f1", best_test.macro_f1}}},
          {"majority", {{"accuracy", always.accuracy}, {"macro_f1", always.macro_f1}}}};
}

}  // namespace
}  // namespace broadsheet

int main(int count, char** arguments) {
  if (count != 4) {
    std::cerr << "usage: bag-of-words CORPUS TEXT_FIELD LABEL_FIELD\n";
    return 2;
  }
  try {
    std::cout << broadsheet::run(arguments[1], arguments[2], arguments[3]).dump() << "\n";
    return 0;
  } catch (const broadsheet::Error& error) {
    std::cerr << error.what() << "\n";
    return static_cast<int>(error.exit_code());
  }
}
