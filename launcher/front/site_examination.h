// What doctor finds on a site: its Slurm, its launchers (really tried), the network and the folder between nodes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace broadsheet {

struct SiteFindings {
  nlohmann::json found = nlohmann::json::object();
  std::vector<std::string> notes;  // what is not as it should be or good to know, each with its remedy
};

// Asks; starts two ranks on this machine. With `start_jobs` also jobs of two ranks on two nodes, some seconds each.
SiteFindings examine_site(bool start_jobs);

// A file to send with a support ticket: configuration, versions, the last lines of logs and Slurm's view of the run in
// `run_folder`. No texts of corpora are in it, and what looks like a secret is blotted out. Returns the file's name.
std::string write_support_bundle(const std::string& run_folder, const std::string& doctors_answer);

// A line of a log or a file without what looks like a password, a key or a token. For tests.
std::string without_secrets(const std::string& line);

}  // namespace broadsheet
