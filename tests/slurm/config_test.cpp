#include "slurm/config.h"

#include <gtest/gtest.h>

namespace broadsheet {
namespace {

TEST(SlurmTime, IsReadAsSbatchReadsIt) {
  EXPECT_EQ(time_seconds("90"), 90 * 60);
  EXPECT_EQ(time_seconds("10:30"), 10 * 60 + 30);
  EXPECT_EQ(time_seconds("04:00:00"), 4 * 3600);
  EXPECT_EQ(time_seconds("2-12"), 2 * 86400 + 12 * 3600);
  EXPECT_EQ(time_seconds("1-00:30"), 86400 + 30 * 60);
  EXPECT_EQ(time_seconds("1-02:03:04"), 86400 + 2 * 3600 + 3 * 60 + 4);
  EXPECT_EQ(time_seconds("UNLIMITED"), 0);
  for (const char* wrong : {"", "4h", "-1", "1:2:3:4", "1-", "-", "1-2-3", "04:00:00 ", "999999999999"})
    EXPECT_EQ(time_seconds(wrong), -1) << wrong;
}

TEST(SlurmRanks, AreNodesTimesTasks) {
  SlurmConfig config;
  config.nodes = 3;
  EXPECT_EQ(world_size(config), 3);
  config.gpus_per_node = 4;
  EXPECT_EQ(world_size(config), 12);
  config.ntasks_per_node = 2;
  EXPECT_EQ(world_size(config), 6);
}

ConfigNode scalar(const std::string& text) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kScalar;
  node.text = text;
  node.place = {"run.yaml", 1, 1};
  node.quoted = true;
  return node;
}

ConfigNode list(const std::vector<std::string>& texts) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kList;
  for (const std::string& text : texts) node.items.push_back(scalar(text));
  return node;
}

// The keys of the faults that reading {key: value} finds.
std::vector<std::string> faults_of(const std::string& key, ConfigNode value) {
  ConfigNode root;
  root.kind = ConfigNode::Kind::kMap;
  root.entries.push_back({key, {}, std::move(value)});
  ConfigReader reader("/");
  SlurmConfig config;
  slurm_section().read(root, "slurm", reader, config);
  std::vector<std::string> keys;
  for (const Fault& fault : reader.faults().all()) keys.push_back(fault.key);
  return keys;
}

TEST(SlurmSection, RefusesWhatIsNoNameOfSlurms) {
  for (const char* hostile :
       {"main\n#SBATCH --uid=0", "$(id)", "`id`", "a;b", "--uid=0", "a b", "main'", "a\"b", "a\\b"}) {
    for (const char* key : {"partition", "account", "qos", "constraint", "exclude", "mem"})
      EXPECT_EQ(faults_of(key, scalar(hostile)), std::vector<std::string>{std::string("slurm.") + key}) << hostile;
  }
  for (const char* good : {"main", "gpu,main", "intel&gpu", "n[1-3],n7", "16G", "news_desk-2"})
    EXPECT_TRUE(faults_of("constraint", scalar(good)).empty()) << good;
}

TEST(SlurmSection, FurtherOptionsAreOptionsAndNotOurs) {
  EXPECT_TRUE(faults_of("extra", list({"--reservation=news", "--exclusive"})).empty());
  for (const char* wrong : {"-p", "main", "--", "--comment=mine", "--output=/etc/passwd", "--wrap=id", "--export=ALL"})
    EXPECT_EQ(faults_of("extra", list({wrong})), std::vector<std::string>{"slurm.extra[0]"}) << wrong;
  EXPECT_EQ(faults_of("extra", list({"--a=b\nc"})).size(), 1u);
}

TEST(SlurmSection, ExportTakesNamesAlone) {
  EXPECT_TRUE(faults_of("export", list({"WANDB_API_KEY", "_x1"})).empty());
  for (const char* wrong : {"A=b", "ALL,PATH", "1A", "A B", "A-B", "$A"})
    EXPECT_EQ(faults_of("export", list({wrong})), std::vector<std::string>{"slurm.export[0]"}) << wrong;
}

TEST(SlurmSection, CeilingsOfTheSiteNameTheirFile) {
  SlurmConfig config;
  config.nodes = 9;
  config.ntasks_per_node = 2;
  config.time = "2-00";
  SlurmLimits limits;
  limits.nodes = 8;
  limits.ntasks_per_node = 2;
  limits.time = "24:00:00";
  ConfigReader reader("/");
  check_limits(config, limits, "/etc/site.yaml", reader);
  ASSERT_EQ(reader.faults().all().size(), 2u);
  EXPECT_EQ(reader.faults().all()[0].key, "slurm.nodes");
  EXPECT_NE(reader.faults().all()[0].what.find("/etc/site.yaml"), std::string::npos);
  EXPECT_EQ(reader.faults().all()[1].key, "slurm.time");
  config.time = "UNLIMITED";
  config.nodes = 8;
  ConfigReader again("/");
  check_limits(config, limits, "/etc/site.yaml", again);
  ASSERT_EQ(again.faults().all().size(), 1u);
  EXPECT_EQ(again.faults().all()[0].key, "slurm.time");
}

}  // namespace
}  // namespace broadsheet
