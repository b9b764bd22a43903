// The example of docs/add_a_task.md, compiled, trained, and compared with the page byte by byte.
// begin of the example
#include <cmath>
#include <utility>

#include "trainer/tasks/metrics.h"
#include "trainer/tasks/text_task.h"

namespace broadsheet {
namespace {

// How long a text is, by the model's own word: one number, log2 of its tokens. Of no use but to read.
class Length : public TextTask {
 public:
  explicit Length(TaskSetup setup) : TextTask(std::move(setup), {.labels = 1, .keep_classifier = false}) {}

  const std::string& default_metric() const override { return metric_; }

  // Texts, packed; and what is true of each. Here it follows from the text, mostly it is a field:
  // corpus.number(split, setup_.task.score, document).
  Batch make_batch(const ShardSet& corpus, Split split, const std::vector<int64_t>& documents,
                   uint64_t /*step*/) const override {
    Batch batch = pack_documents(corpus, split, documents);
    for (const int64_t document : documents) {
      const int64_t tokens = corpus.token_count(split, setup_.task.text, document);
      batch.targets.push_back(std::log2(static_cast<float>(1 + tokens)));
    }
    return batch;
  }

  // The terms of the loss: what the sum over all ranks and micro-batches is divided by, once.
  int64_t label_count(const Batch& batch) const override { return static_cast<int64_t>(batch.targets.size()); }

  std::unique_ptr<Metrics> make_metrics() const override { return std::make_unique<RegressionMetrics>(); }

  // What transformers is to take the folder for.
  nlohmann::json model_config() const override {
    nlohmann::json config = TextTask::model_config();
    config["architectures"] = {class_with_head(setup_.model, HeadKind::kSequenceClassification)};
    config["problem_type"] = "regression";
    config["num_labels"] = 1;
    return config;
  }

 protected:
  // A sum, never a mean: a rank does not know how many labels the others have.
  at::Tensor labelled_loss(const Batch& batch, const PackedInput& input, const PassContext& pass) override {
    return at::mse_loss(lengths(batch, input, pass), at::tensor(at::ArrayRef<float>(batch.targets), at::kFloat),
                        at::Reduction::Sum);
  }

  void measure(const Batch& batch, const PackedInput& input, Metrics& metrics) override {
    static_cast<RegressionMetrics&>(metrics).add(lengths(batch, input, {}), batch.targets);
  }

  nlohmann::json truth(const Batch& batch, int64_t sequence) const override {
    return batch.targets[static_cast<size_t>(sequence)];
  }

  std::vector<Prediction> answer(const Tokenizer&, const Batch& batch, const PackedInput& input) override {
    const at::Tensor values = lengths(batch, input, {}).contiguous();
    std::vector<Prediction> predictions;
    for (int64_t s = 0; s < values.size(0); ++s) predictions.push_back({{"length", values.const_data_ptr<float>()[s]}});
    return predictions;
  }

 private:
  // [sequences]: what the head says, from the trunk or from its kept outputs.
  at::Tensor lengths(const Batch& batch, const PackedInput& input, const PassContext& pass) const {
    return head_logits(batch, input, pass).squeeze(1);
  }

  const std::string metric_ = "mse";
};

}  // namespace

std::unique_ptr<Task> make_length(TaskSetup setup) {
  return std::make_unique<Length>(std::move(setup));
}

}  // namespace broadsheet
// end of the example

#include <gtest/gtest.h>

#include <filesystem>

#include "core/durable.h"
#include "core/fence.h"
#include "core/text.h"
#include "tests/trainer/bert_fixture.h"
#include "trainer/parallel/mpi_communicator.h"
#include "trainer/trainer.h"

namespace broadsheet {
namespace {

std::unique_ptr<Task> length_task() {
  const TaskRequest request = fixtures::request_for("regression");
  TaskSetup setup;
  setup.task.kind = "length";
  setup.task.text = "text";
  nlohmann::json config = request.model.config;
  config["vocab_size"] = request.tokenizer->vocab_size();
  setup.model = read_architecture("bert", config, "config");
  setup.source_config = config;
  setup.max_length = request.max_length;
  setup.tokenizer = request.tokenizer;
  return make_length(std::move(setup));
}

class LossesOnly : public TrainObserver {
 public:
  void on_start(int64_t, int64_t, int64_t) override {}
  void on_record(const StepRecord& record) override {
    if (record.kind == "validation") losses.push_back(record.loss);
  }
  void on_checkpoint(int64_t, const std::string&, double) override {}
  std::vector<double> losses;
};

TEST(AddedTask, TrainsAsTheTasksDoThatAreThere) {
  const auto corpus = fixtures::random_corpus(32, 5);
  const auto ranks = make_world_of_one();
  const fixtures::TemporaryFolder folder;
  const auto task = length_task();
  TrainerOptions options;
  options.train.max_steps = 30;
  options.train.global_batch_size = 8;
  options.train.micro_batch_size = 3;
  options.train.learning_rate = 3e-3;
  options.validation.every_steps = 10;
  options.validation.metric = "mse";
  options.checkpoint_root = folder.path() + "/checkpoints";
  std::filesystem::create_directories(options.checkpoint_root);
  Fence::raise(options.checkpoint_root, options.attempt);
  LossesOnly observer;
  const TrainOutcome outcome = train(*task, *corpus, *ranks, options, observer);
  ASSERT_EQ(observer.losses.size(), 4u);
  EXPECT_LT(observer.losses.back(), 0.2 * observer.losses.front());
  EXPECT_EQ(outcome.test.after.at("examples"), 32);
  const std::vector<Prediction> said = task->predict_batch(task->make_batch(*corpus, Split::kTest, {0, 1}, /*step=*/0));
  ASSERT_EQ(said.size(), 2u);
  EXPECT_NEAR(said[0].at("length").get<double>(), said[0].at("truth").get<double>(), 2);
}

TEST(AddedTask, CountsItsLabelsAndSumsItsLossWhateverTheSplit) {
  const auto corpus = fixtures::random_corpus(6, 5);
  const auto task = length_task();
  const auto sums = [&](const std::vector<std::vector<int64_t>>& parts) {
    std::pair<double, int64_t> sum;
    for (const std::vector<int64_t>& documents : parts) {
      const Batch batch = task->make_batch(*corpus, Split::kTrain, documents, 0);
      sum.first += task->loss_sum(batch, {}).item<double>();
      sum.second += task->label_count(batch);
    }
    return sum;
  };
  const auto whole = sums({{0, 1, 2, 3, 4, 5}}), split = sums({{0, 1}, {}, {2, 3, 4}, {5}});
  EXPECT_EQ(whole.second, 6);
  EXPECT_EQ(split.second, 6);
  EXPECT_NEAR(split.first, whole.first, 1e-4 * whole.first);
}

TEST(AddedTask, IsWhatThePageShows) {
  const std::string source = read_file(cat(BROADSHEET_SOURCE_DIR, "/tests/trainer/added_task_test.cpp"));
  const std::string page = read_file(cat(BROADSHEET_SOURCE_DIR, "/docs/add_a_task.md"));
  const std::string first = "// begin of the example\n", last = "// end of the example\n", fence = "```cpp\n";
  const size_t begin = source.find(first) + first.size(), block = page.find(fence) + fence.size();
  ASSERT_NE(page.find(fence), std::string::npos);
  EXPECT_EQ(page.substr(block, page.find("```\n", block) - block), source.substr(begin, source.find(last) - begin));
}

}  // namespace
}  // namespace broadsheet
