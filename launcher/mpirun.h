// The command and the environment with which ranks are started.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "launcher/local_ranks.h"

namespace broadsheet {

// Folders for the sockets and shared memory of one job: removed at its end, also when mpirun was killed.
class JobFolders {
 public:
  JobFolders();  // also removes those of launchers that are gone
  ~JobFolders();
  JobFolders(const JobFolders&) = delete;
  JobFolders& operator=(const JobFolders&) = delete;
  const std::string& temporary() const { return temporary_; }          // empty: mpirun's own choice
  const std::string& shared_memory() const { return shared_memory_; }  // empty: likewise

 private:
  std::string temporary_, shared_memory_;
};

// argv of the process to start: mpirun, or the engine itself for one rank.
std::vector<std::string> launch_command(const RankLaunch& launch);
// Variables to add to the environment. kParentVariable is not among them: the child adds it, knowing its own pid.
std::map<std::string, std::string> launch_environment(const RankLaunch& launch, const JobFolders& folders);

}  // namespace broadsheet
