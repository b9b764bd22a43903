#include "trainer/tasks/tagging_metrics.h"

#include <limits>
#include <set>
#include <utility>

#include "core/errors.h"

namespace broadsheet {
namespace {

constexpr size_t kSums = 6;  // before the counts of the types
constexpr size_t kCountsOfAType = 3;

double part_of(double part, double whole) {
  return whole > 0 ? part / whole : std::numeric_limits<double>::quiet_NaN();
}

// The types that tags speak of.
std::vector<std::string> types_of(const std::vector<std::string>& tags) {
  std::set<std::string> types;
  for (const std::string& tag : tags) {
    for (const Entity& entity : entities_of({tag})) types.insert(entity.type);
  }
  return {types.begin(), types.end()};
}

}  // namespace

TaggingMetrics::TaggingMetrics(std::vector<std::string> tags) : tags_(std::move(tags)), types_(types_of(tags_)) {}

void TaggingMetrics::add_loss(const at::Tensor& nll) {
  nll_ += nll.to(at::kDouble).sum().item<double>();
  seen_ += static_cast<double>(nll.numel());
}

void TaggingMetrics::add(const std::vector<int64_t>& wanted, const std::vector<int64_t>& found) {
  BROADSHEET_ASSERT(wanted.size() == found.size());
  std::vector<std::string> truth, answer;
  for (size_t word = 0; word < wanted.size(); ++word) {
    truth.push_back(name_of(wanted[word]));
    answer.push_back(name_of(found[word]));
    right_ += truth.back() == answer.back() ? 1 : 0;
    left_out_ += found[word] < 0 ? 1 : 0;
  }
  words_ += static_cast<double>(wanted.size());
  examples_ += 1;
  entities_.add(truth, answer);
}

std::vector<double> TaggingMetrics::state() const {
  std::vector<double> state = {nll_, seen_, words_, right_, left_out_, examples_};
  for (const std::string& type : types_) {
    const auto found = entities_.by_type().find(type);
    const EntityCounts::Counts counts = found == entities_.by_type().end() ? EntityCounts::Counts{} : found->second;
    for (const int64_t count : {counts.wanted, counts.found, counts.right}) state.push_back(static_cast<double>(count));
  }
  return state;
}

void TaggingMetrics::merge(const std::vector<double>& state) {
  BROADSHEET_ASSERT(state.size() == kSums + kCountsOfAType * types_.size());
  double* const sums[] = {&nll_, &seen_, &words_, &right_, &left_out_, &examples_};
  for (size_t i = 0; i < kSums; ++i) *sums[i] += state[i];
  for (size_t type = 0; type < types_.size(); ++type) {
    const double* counts = state.data() + kSums + kCountsOfAType * type;
    const auto whole = [](double count) { return static_cast<int64_t>(count); };
    if (counts[0] + counts[1] > 0) entities_.add(types_[type], {whole(counts[0]), whole(counts[1]), whole(counts[2])});
  }
}

std::map<std::string, double> TaggingMetrics::compute() const {
  const EntityCounts::Scores micro = entities_.micro();
  const double some = examples_ > 0 ? 0 : std::numeric_limits<double>::quiet_NaN();
  return {{"loss", part_of(nll_, seen_)},
          {"accuracy", part_of(right_, words_)},
          {"precision", micro.precision + some},
          {"recall", micro.recall + some},
          {"f1", micro.f1 + some},
          {"macro_f1", entities_.macro_f1()},
          {"tagged_words", words_},
          {"left_out_words", left_out_},
          {"examples", examples_}};
}

nlohmann::json TaggingMetrics::details() const {
  nlohmann::json types = nlohmann::json::object();
  for (const auto& [type, counts] : entities_.by_type()) {
    const EntityCounts::Scores scores = EntityCounts::scores(counts);
    types[type] = {
        {"precision", scores.precision}, {"recall", scores.recall}, {"f1", scores.f1}, {"support", counts.wanted}};
  }
  return {{"entities", types}};
}

}  // namespace broadsheet
