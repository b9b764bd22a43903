// keywords: the terms of articles, ranked against a corpus.
#include "data/keywords.h"

#include <fstream>
#include <memory>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"
#include "experiments/run_config.h"
#include "launcher/answer.h"
#include "launcher/answer_stream.h"
#include "launcher/front/actions.h"

namespace broadsheet {
namespace {

// The corpus's text field: the one that is named, or the only one.
std::string field_of(const ShardSet& corpus, const Command& command) {
  std::vector<std::string> texts;
  for (const FieldInfo& field : corpus.fields())
    if (field.kind == FieldKind::kText) texts.push_back(field.name);
  const std::string named = command.value("field");
  if (named.empty() && texts.size() == 1) return texts[0];
  if (std::find(texts.begin(), texts.end(), named) != texts.end()) return named;
  throw UserError("keywords.field",
                  named.empty() ? cat(corpus.folder(), " has ", texts.size(), " text fields")
                                : cat("--field ", printable(named), " is no text field of ", corpus.folder()),
                  cat("write --field ", join(texts, " or --field ")));
}

class Keywords : public LineAnswerer {
 public:
  explicit Keywords(const Command& command) {
    const CorpusConfig config = load_corpus_config(command.positionals[0], command.sets);
    corpus_ = ShardSet::open(config.output);
    tokenizer_ = load_tokenizer(config.tokenizer);
    if (tokenizer_->fingerprint() != corpus_->tokenizer_fingerprint()) {
      throw UserError("keywords.tokenizer",
                      cat(corpus_->folder(), " was prepared with another tokenizer than that of ", config.tokenizer),
                      cat("prepare it again: broadsheet prepare ", command.positionals[0]));
    }
    request_.field = field_of(*corpus_, command);
    request_.most = static_cast<size_t>(command.number("top", 1, 1000).value_or(10));
  }

  std::vector<nlohmann::json> rank(const std::vector<std::string>& articles) const {
    std::vector<nlohmann::json> answers;
    for (const std::vector<Keyword>& keywords : rank_keywords(*corpus_, *tokenizer_, articles, request_)) {
      nlohmann::json terms = nlohmann::json::array();
      for (const Keyword& one : keywords) {
        terms.push_back({{"term", one.term}, {"score", one.score}, {"count", one.count}, {"documents", one.documents}});
      }
      answers.push_back({{"keywords", terms}});
    }
    return answers;
  }

  std::string take(const nlohmann::json& object, int64_t) override {
    const std::string reason = why_not_text(object, request_.field);
    if (reason.empty()) articles_.push_back(object[request_.field]);
    return reason;
  }
  std::vector<nlohmann::json> answer() override { return rank(std::exchange(articles_, {})); }
  std::string wanted() const override { return "the field " + request_.field; }
  size_t together() const override { return kArticles; }

 private:
  static constexpr size_t kArticles = 2000;  // for which the corpus is read once

  std::shared_ptr<const ShardSet> corpus_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  KeywordRequest request_;
  std::vector<std::string> articles_;
};

void print_keywords(const nlohmann::json& answer) {
  std::string text;
  for (const nlohmann::json& one : answer["keywords"]) {
    char score[32];
    std::snprintf(score, sizeof score, "%8.2f  ", one["score"].get<double>());
    text += cat(score, one["term"].get<std::string>(), "\n");
  }
  print_text(text);
}

}  // namespace

int do_keywords(const Command& command) {
  check_lines_options(command, "text");
  Keywords keywords(command);
  if (command.has("text")) {
    const std::string text = command.value("text");
    if (!is_utf8(text)) throw UserError("keywords.utf8", "--text: not valid UTF-8", "check the terminal's encoding");
    const nlohmann::json answer = keywords.rank({text}).at(0);
    command.json ? print_json(answer) : print_keywords(answer);
    return 0;
  }
  const std::string input = command.value("input");
  std::ifstream file;
  std::istream& from = open_lines(input, file);
  const PredictCounts counts =
      answer_stream(keywords, input, from, output_place(command.value("output"), "output"), "ranking");
  tell_of_rejects(counts, input);
  if (command.json) print_json({{"predicted", counts.predicted}, {"rejected", counts.rejected}});
  return 0;
}

}  // namespace broadsheet
