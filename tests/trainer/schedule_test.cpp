#include "trainer/optim/schedule.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/durable.h"
#include "core/errors.h"

namespace broadsheet {
namespace {

TEST(Schedule, FactorsAreThoseOfTransformers) {
  const nlohmann::json golden = nlohmann::json::parse(read_file(BROADSHEET_SOURCE_DIR "/tests/golden/optim.json"));
  ASSERT_GE(golden.at("schedules").size(), 12u);
  for (const nlohmann::json& expected : golden.at("schedules")) {
    const Schedule schedule{expected.at("type"), expected.at("warmup_steps"), expected.at("total_steps")};
    const std::vector<double> factors = expected.at("factors");
    for (size_t step = 0; step < factors.size(); ++step)
      EXPECT_NEAR(schedule.factor(static_cast<int64_t>(step)), factors[step], 1e-12)
          << expected.at("type") << " step " << step;
  }
}

TEST(Schedule, TheFirstUpdateOfAWarmUpHasRateZero) {
  EXPECT_EQ((Schedule{"linear", 4, 10}.factor(0)), 0.0);
  EXPECT_EQ((Schedule{"linear", 4, 10}.factor(2)), 0.5);
  EXPECT_EQ((Schedule{"linear", 0, 10}.factor(0)), 1.0);
}

TEST(Schedule, AnUnknownTypeIsTheUsersError) {
  EXPECT_THROW((Schedule{"polynomial", 0, 10}.factor(1)), UserError);
}

}  // namespace
}  // namespace broadsheet
