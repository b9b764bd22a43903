// evaluate --compare against plain Python: tests/golden/make_compare_golden.py.
#include "experiments/compare_predictions.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

std::string golden_file(const std::string& name) {
  return cat(BROADSHEET_SOURCE_DIR, "/tests/golden/metrics/compare/", name);
}

TEST(ComparePredictions, EqualsPlainPython) {
  const auto golden = nlohmann::json::parse(std::ifstream(golden_file("expected.json")));
  int compared = 0;
  for (const std::string kind : {"classes", "labels", "scores"}) {
    for (const auto& [metric, wanted] : golden[kind].items()) {
      const ComparisonRequest request{golden_file(kind + "_a.jsonl"), golden_file(kind + "_b.jsonl"), metric,
                                      wanted["samples"], wanted["seed"]};
      const Comparison found = compare_predictions(request);
      EXPECT_NEAR(found.a, wanted["a"].get<double>(), 1e-12) << metric;
      EXPECT_NEAR(found.b, wanted["b"].get<double>(), 1e-12) << metric;
      EXPECT_NEAR(found.low, wanted["low"].get<double>(), 1e-12) << metric;
      EXPECT_NEAR(found.high, wanted["high"].get<double>(), 1e-12) << metric;
      EXPECT_NEAR(found.share_b_better, wanted["share_b_better"].get<double>(), 1e-12) << metric;
      EXPECT_EQ(to_json(request, found)["interval"].size(), 2u);
      EXPECT_NE(comparison_text(request, found).find(metric), std::string::npos);
      ++compared;
    }
  }
  EXPECT_EQ(compared, 8);
}

TEST(ComparePredictions, TakesTheTasksOwnMetricAndIsTheSameWithTheSameSeed) {
  ComparisonRequest request{golden_file("classes_a.jsonl"), golden_file("classes_b.jsonl"), "", 50, 4};
  const Comparison first = compare_predictions(request);
  EXPECT_EQ(first.metric, "macro_f1");
  EXPECT_EQ(compare_predictions(request).low, first.low);
  request.seed = 5;
  EXPECT_NE(compare_predictions(request).low, first.low);
  EXPECT_EQ(compare_predictions({golden_file("scores_a.jsonl"), golden_file("scores_b.jsonl"), "", 5, 1}).metric,
            "mse");
  // A model does not differ from itself.
  const Comparison same = compare_predictions({request.a, request.a, "", 20, 1});
  EXPECT_EQ(same.low, 0);
  EXPECT_EQ(same.high, 0);
  EXPECT_EQ(same.share_b_better, 0.5);
}

// What the error of comparing two files with these lines says.
std::string complaint(const std::string& a, const std::string& b, const std::string& metric = "") {
  const std::string folder = ::testing::TempDir() + "/compare_predictions";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/a") << a;
  std::ofstream(folder + "/b") << b;
  std::string what = "no error";
  try {
    compare_predictions({folder + "/a", folder + "/b", metric, 10, 1});
  } catch (const UserError& error) {
    what = error.what();
  }
  std::filesystem::remove_all(folder);
  return what;
}

TEST(ComparePredictions, SaysWhyTwoFilesCannotBeCompared) {
  const std::string one = R"({"row": 0, "truth": 1.5, "score": 1})", other = R"({"row": 1, "truth": 2, "score": 1})";
  EXPECT_EQ(complaint(one, one), "no error");
  const std::pair<std::string, std::string> cases[] = {
      {complaint(one, other), "only in the first"},
      {complaint(one, one + "\n" + other), "1 and 2 texts"},
      {complaint(one, R"({"row": 0, "truth": 7, "score": 1})"), "different truths"},
      {complaint(one + "\n" + one, one + "\n" + one), "twice"},
      {complaint(one, "score"), "no JSON object"},
      {complaint(one, R"({"row": 0, "score": 1})"), "no truth"},
      {complaint(one, R"({"truth": 0, "score": 1})"), "neither id nor row"},
      {complaint("", ""), "no line"},
      {complaint(one, one, "accuracy"), "no accuracy"},
      {complaint(one, one, "macro_f1"), "no macro_f1"},
      {complaint(R"({"row": 0, "truth": "x", "score": 1})", R"({"row": 0, "truth": "x", "score": 1})"),
       "evaluate MODEL"},
  };
  for (const auto& [found, wanted] : cases) EXPECT_NE(found.find(wanted), std::string::npos) << wanted << ": " << found;
}

}  // namespace
}  // namespace broadsheet
