#include "trainer/generation/beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "trainer/generation/growing_texts.h"
#include "trainer/generation/text_end.h"
#include "trainer/generation/token_choice.h"

namespace broadsheet {
namespace {

constexpr float kNever = -1e9F;  // a score that no text has

struct FinishedText {
  float score = kNever;
  std::vector<int32_t> whole;
  std::optional<Finish> finish = std::nullopt;  // none: a place that nobody has taken yet
};

// A beam's text and one more token.
struct Candidate {
  int64_t beam = 0;
  int32_t token = 0;
  float score = 0;
};

// The best `count` of equal sums are in the order of torch.topk, so long as nothing ties.
std::vector<Candidate> best_candidates(const at::Tensor& sums, int64_t count) {
  const int64_t vocabulary = sums.size(1);
  const auto [scores, places] = at::topk(sums.flatten(), std::min(count, sums.numel()));
  const auto* score = scores.const_data_ptr<float>();
  const auto* place = places.const_data_ptr<int64_t>();
  std::vector<Candidate> best;
  for (int64_t i = 0; i < scores.numel(); ++i)
    best.push_back({place[i] / vocabulary, static_cast<int32_t>(place[i] % vocabulary), score[i]});
  return best;
}

// The search behind one prompt.
class Search {
 public:
  Search(const TextEnds& ends, const GenerationOptions& options, size_t prompt)
      : ends_(ends), options_(options), prompt_(prompt), finished_(static_cast<size_t>(options.num_beams)) {
    scores_.assign(static_cast<size_t>(options.num_beams), kNever);
    scores_.front() = 0;  // all beams begin alike: the others' tokens would be the first one's again
  }

  // Goes on from the beams `texts`, whose next tokens have these logarithms of probabilities [beams, vocabulary]. What
  // goes on is in kept() and tokens() then, unless the search is over.
  void step(const std::vector<const std::vector<int32_t>*>& texts, const at::Tensor& log_probabilities) {
    const at::Tensor sums = log_probabilities + at::tensor(at::ArrayRef<float>(scores_)).unsqueeze(1);
    const std::vector<Candidate> candidates = best_candidates(sums, 2 * options_.num_beams);
    std::vector<std::vector<int32_t>> wholes;
    std::vector<std::optional<Finish>> finishes;
    for (const Candidate& candidate : candidates) {
      wholes.push_back(*texts[static_cast<size_t>(candidate.beam)]);
      wholes.back().push_back(candidate.token);
      finishes.push_back(ends_.end_of(wholes.back(), prompt_));
    }
    go_on_with(candidates, finishes);
    take_finished(candidates, wholes, finishes);
    ++written_;
    const bool stuck = std::all_of(finishes.begin(), finishes.end(), [](const auto& finish) { return finish; });
    over_ = stuck || !may_improve();
  }

  bool over() const { return over_; }
  const std::vector<int64_t>& kept() const { return kept_; }
  const std::vector<int32_t>& tokens() const { return tokens_; }
  Generated best() const { return ends_.generated(finished_.front().whole, prompt_, finished_.front().finish.value()); }

 private:
  double length_factor(int64_t length) const { return std::pow(static_cast<double>(length), options_.length_penalty); }

  void go_on_with(const std::vector<Candidate>& candidates, const std::vector<std::optional<Finish>>& finishes) {
    std::vector<size_t> order;
    for (const bool finished : {false, true}) {  // finished ones only where there are no others
      for (size_t i = 0; i < candidates.size(); ++i) {
        if (finishes[i].has_value() == finished) order.push_back(i);
      }
    }
    kept_.clear();
    tokens_.clear();
    scores_.clear();
    for (int64_t beam = 0; beam < options_.num_beams; ++beam) {
      const size_t i = order[std::min(static_cast<size_t>(beam), order.size() - 1)];
      kept_.push_back(candidates[i].beam);
      tokens_.push_back(candidates[i].token);
      scores_.push_back(finishes[i] ? candidates[i].score + kNever : candidates[i].score);
    }
  }

  // Only of the best num_beams candidates.
  void take_finished(const std::vector<Candidate>& candidates, std::vector<std::vector<int32_t>>& wholes,
                     const std::vector<std::optional<Finish>>& finishes) {
    const auto factor = static_cast<float>(length_factor(written_ + 1));
    const size_t count = std::min(candidates.size(), static_cast<size_t>(options_.num_beams));
    for (size_t i = 0; i < count; ++i) {
      if (finishes[i]) finished_.push_back({candidates[i].score / factor, std::move(wholes[i]), finishes[i]});
    }
    std::stable_sort(finished_.begin(), finished_.end(),
                     [](const FinishedText& a, const FinishedText& b) { return a.score > b.score; });
    finished_.resize(static_cast<size_t>(options_.num_beams));
  }

  // Whether the best beam's score as it stands is above that of the worst finished text.
  bool may_improve() const {
    if (std::any_of(finished_.begin(), finished_.end(), [](const auto& text) { return !text.finish; })) return true;
    return scores_.front() / static_cast<float>(length_factor(written_)) > finished_.back().score;
  }

  const TextEnds& ends_;
  const GenerationOptions& options_;
  size_t prompt_;
  int64_t written_ = 0;  // tokens behind the prompt
  bool over_ = false;
  std::vector<float> scores_;  // [beams]
  std::vector<FinishedText> finished_;
  std::vector<int64_t> kept_;    // [beams] which beam each goes on from
  std::vector<int32_t> tokens_;  // [beams]
};

// With repetition_penalty and min_new_tokens, on logarithms of probabilities, as transformers has it here.
at::Tensor log_probabilities(const Writer& writer, const GrowingTexts& texts, const at::Tensor& logits,
                             const GenerationOptions& options, const std::vector<size_t>& prompts) {
  at::Tensor all = at::_log_softmax(logits, -1, false);
  for (size_t row = 0; row < static_cast<size_t>(texts.size()); ++row) {
    auto* scores = all.mutable_data_ptr<float>() + static_cast<int64_t>(row) * all.size(1);
    penalise_repetition({scores, static_cast<size_t>(all.size(1))}, texts.text(row), options.repetition_penalty);
    const auto written = static_cast<int64_t>(texts.text(row).size() - prompts[row]);
    if (written < options.min_new_tokens) scores[writer.end] = -std::numeric_limits<float>::infinity();
  }
  return all;
}

}  // namespace

std::vector<Generated> search_beams(const Writer& writer, const std::vector<Prompt>& prompts,
                                    const GenerationOptions& options) {
  const auto beams = static_cast<size_t>(options.num_beams);
  const TextEnds ends(writer, options);
  std::vector<Search> searches;
  std::vector<std::vector<int32_t>> beginnings;
  for (const Prompt& prompt : prompts) {
    searches.emplace_back(ends, options, prompt.tokens.size());
    beginnings.insert(beginnings.end(), beams, prompt.tokens);
  }
  GrowingTexts texts(writer.model, std::move(beginnings), options.use_cache);
  std::vector<size_t> going(prompts.size());  // whose beams lie one behind the other in `texts`
  for (size_t i = 0; i < going.size(); ++i) going[i] = i;
  while (!going.empty()) {
    std::vector<size_t> given;
    for (const size_t i : going) given.insert(given.end(), beams, prompts[i].tokens.size());
    const at::Tensor scores = log_probabilities(writer, texts, texts.next(), options, given);
    std::vector<size_t> still;
    std::vector<int64_t> rows;
    std::vector<int32_t> tokens;
    for (size_t place = 0; place < going.size(); ++place) {
      const size_t first = place * beams;
      std::vector<const std::vector<int32_t>*> wholes;
      for (size_t beam = 0; beam < beams; ++beam) wholes.push_back(&texts.text(first + beam));
      Search& search = searches[going[place]];
      search.step(wholes, scores.narrow(0, static_cast<int64_t>(first), options.num_beams));
      if (search.over()) continue;
      still.push_back(going[place]);
      for (const int64_t beam : search.kept()) rows.push_back(static_cast<int64_t>(first) + beam);
      tokens.insert(tokens.end(), search.tokens().begin(), search.tokens().end());
    }
    going = std::move(still);
    if (going.empty()) break;
    texts.keep(rows);
    texts.append(tokens);
  }
  std::vector<Generated> best;
  for (const Search& search : searches) best.push_back(search.best());
  return best;
}

}  // namespace broadsheet
