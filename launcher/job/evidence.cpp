#include "launcher/job/evidence.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "core/text.h"
#include "slurm/client.h"
#include "slurm/job_script.h"

namespace broadsheet {
namespace {

constexpr size_t kLogTail = 1 << 16;  // bytes of the job's log: the last start's words are in there

}  // namespace

std::vector<std::string> names_of(const std::string& nodes) {
  try {
    return SlurmClient(kSlurmPatience).node_names(nodes);
  } catch (const Error&) {
    return {nodes};
  }
}

std::vector<std::string> failed_nodes(const std::string& nodes) {
  std::vector<std::string> failed;
  if (nodes.empty()) return failed;
  try {
    for (const auto& [node, state] : SlurmClient(kSlurmPatience).node_states(nodes)) {
      const bool gone = starts_with(state, "down") || starts_with(state, "fail") || ends_with(state, "*");
      if (gone && std::find(failed.begin(), failed.end(), node) == failed.end()) failed.push_back(node);
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return failed;
}

std::string last_words(const std::string& place, const std::string& id) {
  std::ifstream file(log_file(place, id), std::ios::binary | std::ios::ate);
  const auto size = static_cast<int64_t>(file.tellg());
  if (size <= 0) return "";
  file.seekg(std::max<int64_t>(0, size - static_cast<int64_t>(kLogTail)));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t start = text.rfind(": starts on ");
  return start == std::string::npos ? text : text.substr(start);
}

std::vector<std::string> nodes_said_to_fail(const std::string& words, const std::string& nodes) {
  std::vector<std::string> failed;
  constexpr std::string_view kNamed = "Node failure on ";
  for (size_t at = words.find(kNamed); at != std::string::npos; at = words.find(kNamed, at + 1)) {
    const size_t name = at + kNamed.size();
    for (const std::string& node : names_of(words.substr(name, words.find_first_of(" \n", name) - name)))
      failed.push_back(node);
  }
  const bool one_node = nodes.find_first_of("[,") == std::string::npos;
  if (failed.empty() && one_node && words.find("DUE TO NODE FAILURE") != std::string::npos) failed.push_back(nodes);
  return failed;
}

std::string node_in(const std::string& words) {
  constexpr std::string_view kBegin = "srun: error: ";
  for (size_t at = words.find(kBegin); at != std::string::npos; at = words.find(kBegin, at + 1)) {
    const size_t name = at + kBegin.size(), colon = words.find(": task", name);
    const size_t line_end = words.find('\n', name);
    if (colon != std::string::npos && colon < line_end) return words.substr(name, colon - name);
  }
  return "";
}

bool is_cancelled_by_slurm(const JobFields& job, const std::string& words) {
  if (!job || job->count("JobState") == 0) return false;
  const std::string& state = job->at("JobState");
  if (starts_with(state, "CANCELLED")) return true;
  const size_t said = words.rfind(" CANCELLED AT ");
  if (state != "COMPLETING" || said == std::string::npos) return false;
  return words.substr(said, words.find('\n', said) - said).find("DUE TO") == std::string::npos;
}

bool is_taken_by_slurm(const JobFields& job, int64_t restart) {
  if (!job) return false;
  const auto value = [&](const char* key) {
    const auto found = job->find(key);
    return found == job->end() ? std::string() : found->second;
  };
  const std::string preempted = value("PreemptTime");
  return (!preempted.empty() && preempted != "None") || value("JobState") == "PENDING" ||
         std::atoll(value("Restarts").c_str()) > restart;
}

}  // namespace broadsheet
