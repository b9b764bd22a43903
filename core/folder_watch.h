// Waiting for another process to put a file into a folder: at once where both are on one machine (inotify), after the
// given time anywhere else.
#pragma once

#include <map>
#include <string>

namespace broadsheet {

// Changes whenever another file takes the name, or this one is written or touched; empty: there is none.
std::string file_identity(const std::string& path);

class FolderWatch {
 public:
  FolderWatch();
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // From now on. What cannot be watched is found by the time-out alone. Nothing when it is watched already.
  void add(const std::string& folder);
  void remove(const std::string& folder);
  // Returns when a file was renamed into a watched folder since the last call, or a signal came, or after `seconds`.
  void wait(double seconds);

 private:
  int descriptor_;
  std::map<std::string, int> watches_;
};

}  // namespace broadsheet
