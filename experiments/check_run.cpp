// Whether a run's model, corpus and file fit each other.

#include <algorithm>

#include "checkpoints/huggingface.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/field_template.h"
#include "data/mixture.h"
#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"
#include "experiments/check.h"
#include "experiments/check_parts.h"
#include "trainer/models/architecture.h"

namespace broadsheet {
namespace {

class RunChecker {
 public:
  RunChecker(const RunConfig& config, const Origins* origins) : config_(config), origins_(origins) {}

  void check_model() {
    // What the engine would refuse after it has started.
    if (config_.model.from.empty()) return guard("model.config", [&] { check_numbers(); });
    const ModelLocation location = locate_model(config_.model.from);
    tokenizer_folder_ = location.tokenizer_folder;
    const nlohmann::json model = read_model_config(location.weights_folder);
    guard("model.from",
          [&] { check_fit(traits_of(read_architecture(model, location.weights_folder + "/config.json"))); });
  }

  void check_corpus(const ShardSet& corpus) {
    check_field(corpus, "task.text", config_.task.text, {FieldKind::kText}, "text");
    check_field(corpus, "task.text_pair", config_.task.text_pair, {FieldKind::kText}, "text");
    if (config_.task.kind == "generation") check_generation(corpus);
    check_field(corpus, "task.words", config_.task.words, {FieldKind::kList}, "list");
    if (config_.task.problem == "multi_label") {
      check_field(corpus, "task.label", config_.task.label, {FieldKind::kLabels}, "labels");
    } else {
      check_field(corpus, "task.label", config_.task.label, {FieldKind::kLabel}, "label");
    }
    check_field(corpus, "task.tags", config_.task.tags, {FieldKind::kTags}, "tags");
    check_class_weights(corpus);
    check_field(corpus, "task.score", config_.task.score, {FieldKind::kScore, FieldKind::kNumber}, "score or number");
    for (const Split split : {Split::kTrain, Split::kValidation}) {
      if (corpus.size(split) > 0 || (config_.data.train_on_validation && split == Split::kValidation)) continue;
      add("data.corpus", "corpus.empty_split", cat("the corpus has no ", split_name(split), " documents"),
          "prepare it with another split");
    }
    guard("data.corpus", [&] { require_examples(corpus.source_shares(Split::kTrain), corpus.folder()); });
    const std::string folder = tokenizer_folder_.empty() ? config_.model.tokenizer : tokenizer_folder_;
    if (!folder.empty() && !corpus.has_tokenizer_of(folder) &&
        load_tokenizer(folder)->fingerprint() != corpus.tokenizer_fingerprint()) {
      add("data.corpus", "corpus.other_tokenizer",
          cat("the corpus was tokenised with another tokenizer than the one in ", folder),
          cat("prepare the corpus with tokenizer: ", folder));
    }
  }

  void check_generation(const ShardSet& corpus) {
    const FieldTemplate form(config_.task.prompt);
    for (const std::string& field : form.columns())
      check_field(corpus, "task.prompt", field, {FieldKind::kText}, "text");
    check_field(corpus, "task.target", config_.task.target, {FieldKind::kText}, "text");
  }

  void check_class_weights(const ShardSet& corpus) {
    if (config_.task.label.empty()) return;
    for (const FieldInfo& field : corpus.fields()) {
      if (field.name != config_.task.label) continue;
      for (const auto& [name, weight] : config_.task.class_weights.by_name) {
        if (std::find(field.classes.begin(), field.classes.end(), name) != field.classes.end()) continue;
        add("task.class_weights", "config.conflict",
            cat("found class \"", name, "\", which field ", field.name, " has not"),
            cat("its classes are ", join(field.classes, ", ")));
      }
    }
  }

  // Faults that other parts throw join ours.
  template <class Function>
  void guard(const std::string& key, const Function& function) {
    try {
      function();
    } catch (const UserError& error) {
      for (Fault fault : error.faults()) {
        if (fault.key.empty()) fault.key = key;
        if (fault.place.file.empty()) fault.place = place_of(key);
        faults_.add(std::move(fault));
      }
    }
  }
  void add(const std::string& key, const std::string& code, const std::string& what, const std::string& remedy) {
    faults_.add(Fault{code, place_of(key), key, what, remedy});
  }
  const Faults& faults() const { return faults_; }

 private:
  void check_numbers() {
    const nlohmann::json& numbers = config_.model.config;
    Faults faults;
    try {
      check_fit(traits_of(
          read_architecture(config_.model.architecture, numbers.is_null() ? nlohmann::json::object() : numbers, "")));
    } catch (const UserError& error) {
      for (Fault fault : error.faults()) {
        fault.key = cat("model.config.", fault.key);
        fault.place = {};
        faults.add(std::move(fault));
      }
    }
    faults.throw_if_any();
  }
  void check_fit(const ModelTraits& model) {
    if (config_.data.max_length > model.max_length) {
      add("data.max_length", "config.range",
          cat("found ", config_.data.max_length, ", more than the model's ", model.max_length, " positions"),
          cat("write at most ", model.max_length));
    }
    if (config_.freeze.layers > model.layers) {
      add("freeze.layers", "config.range",
          cat("found ", config_.freeze.layers, ", but the model has ", model.layers, " layers"),
          cat("write at most ", model.layers));
    }
    if (!config_.task.text_pair.empty() && model.pair_separators == 0) {
      add("task.text_pair", "task.model", "the model has one token type, pairs need two",
          "remove it or choose another model");
    }
    const std::string& kind = config_.task.kind;
    if (!can_learn(model, kind)) {
      add("task.kind", "task.model", wrong_model_text(model, kind), wrong_model_remedy(model));
    }
  }
  Place place_of(const std::string& key) const {
    if (origins_ == nullptr) return {};
    const auto found = origins_->find(key);
    return found == origins_->end() || found->second == "default" ? Place{} : Place{found->second, 0, 0};
  }
  void check_field(const ShardSet& corpus, const std::string& key, const std::string& name,
                   const std::vector<FieldKind>& kinds, const std::string& wanted) {
    if (name.empty()) return;
    guard(key, [&] {
      const FieldInfo& field = corpus.field(name);
      for (const FieldKind kind : kinds) {
        if (field.kind == kind) return;
      }
      add(key, "config.conflict", cat("the corpus's field ", name, " is not of kind ", wanted),
          cat("name a field of kind ", wanted));
    });
  }

  const RunConfig& config_;
  const Origins* origins_;
  std::string tokenizer_folder_;
  Faults faults_;
};

}  // namespace

std::shared_ptr<const ShardSet> check_run_parts(const RunConfig& config, const Origins* origins, bool corpus_required) {
  RunChecker checker(config, origins);
  std::shared_ptr<const ShardSet> corpus;
  checker.guard("model.from", [&] { checker.check_model(); });
  if (exists(config.data.corpus + "/corpus.json") || (!corpus_required && exists(config.data.corpus))) {
    checker.guard("data.corpus", [&] {
      corpus = ShardSet::open(config.data.corpus);
      checker.check_corpus(*corpus);
      if (checker.faults().empty()) corpus = examples_of(corpus, config.data, config.task);
    });
  } else if (corpus_required) {
    checker.add("data.corpus", "corpus.not_found", cat("found no corpus at ", config.data.corpus),
                "prepare it first: `broadsheet prepare corpus.yaml`");
  }
  checker.faults().throw_if_any();
  return corpus;
}

void check_run(const RunConfig& config, const Origins* origins) {
  check_run_parts(config, origins, true);
}

}  // namespace broadsheet
