#include "trainer/tasks/generation_metrics.h"

#include "core/errors.h"
#include "trainer/metrics/pieces.h"
#include "trainer/metrics/repetition.h"

namespace broadsheet {
namespace {

constexpr size_t kRepeatedRun = 4;  // pieces
constexpr size_t kForeseen = 4;     // numbers of LanguageModelMetrics' state
constexpr size_t kMeans = 6;        // and of ours, before the counts

template <class Counts>
void append_counts(const Counts& counts, std::vector<double>& state) {
  for (const int64_t count : counts) state.push_back(static_cast<double>(count));
}

template <class Counts>
const double* take_counts(const double* next, Counts& counts) {
  for (int64_t& count : counts) count = static_cast<int64_t>(*next++);
  return next;
}

}  // namespace

void GenerationMetrics::add_text(const std::string& written, const std::string& target) {
  const RougeScores scores = rouge(target, written, pieces_);
  const bool words = pieces_ == RougePieces::kWords;
  const std::vector<std::string> pieces = words ? split_at_spaces(written) : characters_of(written);
  texts_ += 1;
  rouge1_ += scores.rouge1.f1;
  rouge2_ += scores.rouge2.f1;
  rouge_l_ += scores.rouge_l.f1;
  length_ += static_cast<double>(pieces.size());
  repetition_ += repetition(pieces, kRepeatedRun);
  bleu_.add(written, target, words ? BleuTokens::k13a : BleuTokens::kZh);
  chrf_.add(written, target);
}

std::vector<double> GenerationMetrics::state() const {
  std::vector<double> state = LanguageModelMetrics::state();
  state.insert(state.end(), {texts_, rouge1_, rouge2_, rouge_l_, length_, repetition_});
  append_counts(std::array{bleu_.prediction_tokens, bleu_.reference_tokens}, state);
  append_counts(bleu_.matches, state);
  append_counts(bleu_.predicted, state);
  append_counts(chrf_.predicted, state);
  append_counts(chrf_.referenced, state);
  append_counts(chrf_.matches, state);
  return state;
}

void GenerationMetrics::merge(const std::vector<double>& state) {
  BROADSHEET_ASSERT(state.size() == this->state().size());
  LanguageModelMetrics::merge({state.begin(), state.begin() + kForeseen});
  const double* next = state.data() + kForeseen;
  double* const means[kMeans] = {&texts_, &rouge1_, &rouge2_, &rouge_l_, &length_, &repetition_};
  for (double* mean : means) *mean += *next++;
  BleuCounts bleu;
  std::array<int64_t, 2> tokens{};
  next = take_counts(next, tokens);
  bleu.prediction_tokens = tokens[0];
  bleu.reference_tokens = tokens[1];
  next = take_counts(take_counts(next, bleu.matches), bleu.predicted);
  bleu_.merge(bleu);
  ChrfCounts chrf;
  take_counts(take_counts(take_counts(next, chrf.predicted), chrf.referenced), chrf.matches);
  chrf_.merge(chrf);
}

std::map<std::string, double> GenerationMetrics::compute() const {
  std::map<std::string, double> values = LanguageModelMetrics::compute();
  if (texts_ == 0) return values;
  values["rouge1"] = rouge1_ / texts_;
  values["rouge2"] = rouge2_ / texts_;
  values["rougeL"] = rouge_l_ / texts_;
  values["bleu"] = bleu_.score();
  values["chrf"] = chrf_.score();
  values["generated_length"] = length_ / texts_;
  values["repetition"] = repetition_ / texts_;
  return values;
}

}  // namespace broadsheet
