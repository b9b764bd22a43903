// What ranks tell of themselves while they run, and what can be seen of them when they do not: rank-<nnnnn>.status in
// the attempt's folder, and for ranks of this machine also /proc.
//
// The file is one line of JSON, written over again about twice a second. Trouble writing it is nobody's business.
//   {"rank", "host", "place", "pid", "activity", "phase", "within", "operation", "step", "stalled", "beat"}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/activity.h"

namespace broadsheet {

struct RankStatus {
  int rank = 0;
  std::string host;
  std::string place;  // boot and process namespace: within one, process numbers mean the same
  int64_t process = 0;
  int descriptor = -1;  // for activity_of()
  Phase phase = Phase::kStart;
  std::string operation;  // what it waits for other ranks in; empty: it does not wait
  int64_t step = 0;
  double stalled = 0;  // seconds without a mark (Note [Marks])
  uint64_t beat = 0;
};

std::string status_path(const std::string& folder, int rank);
RankStatus own_status(int rank);
void write_status(const std::string& folder, const RankStatus& status) noexcept;
std::optional<RankStatus> read_status(const std::string& folder, int rank);

std::string this_host();
std::string this_place();
// Of /proc/<process>/stat: R, S, D (waits in the kernel), T (stopped), t (held by a debugger), Z; X: there is none.
char process_state(int64_t process);

struct RankView {
  RankStatus status;
  bool known = false;  // it has told of itself
  bool here = false;   // on this machine: `state` and the phase are those of now
  char state = 0;
  double silent_seconds = 0;  // since its heart was seen to beat

  // Its process does not run: stopped, gone, or without a heartbeat for longer than a busy machine explains.
  bool silent() const;
  bool waits() const { return !status.operation.empty(); }
};

// Watches the ranks of an attempt. Compares no clocks: a heart beats when it was seen to.
class Onlooker {
 public:
  Onlooker(std::string folder, int ranks);
  void look(double seconds_since_last_look);
  const std::vector<RankView>& ranks() const { return ranks_; }

 private:
  void look_at(RankView& view, double seconds) const;
  std::string folder_, place_;
  std::vector<RankView> ranks_;
};

}  // namespace broadsheet
