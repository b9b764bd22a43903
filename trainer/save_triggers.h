// When to save beside every so many steps and at the best validation: by the clock, on request, before the job's time
// is up. Read by the first rank alone, at step boundaries; the ranks then vote.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/stopwatch.h"

namespace broadsheet {

// What the request's file says: anything but the second means to save and go on.
inline constexpr char kSaveRequest[] = "save now\n", kLeaveRequest[] = "leave\n";

// Where a job writes the step whose checkpoint answers the request, before it takes the request's file away. Whoever
// asked waits for that step's checkpoint or a later one: an earlier save may still be on its way to the disk.
inline std::string request_answer_file(const std::string& request_file) {
  return request_file + ".taken";
}

class SaveTriggers {
 public:
  // every_minutes 0: not by the clock. request_file empty: nobody asks. end_time in seconds since 1970; 0: never.
  SaveTriggers(double every_minutes, std::string request_file, double end_time);

  ~SaveTriggers();  // takes the answer's file away
  SaveTriggers(const SaveTriggers&) = delete;
  SaveTriggers& operator=(const SaveTriggers&) = delete;

  // A checkpoint is due after `step`. Takes the request with it.
  bool due(int64_t step);
  // The request said "leave": save and stop. Learned by due().
  bool asked_to_leave() const { return leave_; }
  // A checkpoint was begun: the clock starts again.
  void saved() { since_save_ = Stopwatch(); }
  // The next step and a checkpoint after it might not fit into the job's time any more. `save_seconds`: the longest
  // save so far. Learns the longest step from the times between its calls.
  bool time_is_up(double save_seconds);

 private:
  double every_minutes_;
  std::string request_file_;
  double end_time_;
  Stopwatch since_save_, since_look_, since_call_;
  double longest_step_ = 0;
  bool looked_ = false, answered_ = false, called_ = false, told_ = false, leave_ = false;
};

}  // namespace broadsheet
