#include "trainer/save_triggers.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "core/durable.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr double kLookEvery = 0.25;  // seconds between two looks for a request: a network file system's time
constexpr double kTimeToLeave = 5;   // seconds for the ranks to end after their checkpoint
constexpr uint64_t kLongestRequest = 4096;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

SaveTriggers::SaveTriggers(double every_minutes, std::string request_file, double end_time)
    : every_minutes_(every_minutes), request_file_(std::move(request_file)), end_time_(end_time) {}

SaveTriggers::~SaveTriggers() {
  if (answered_) ::unlink(request_answer_file(request_file_).c_str());
}

bool SaveTriggers::due(int64_t step) {
  if (every_minutes_ > 0 && since_save_.seconds() > 60 * every_minutes_) return true;
  if (request_file_.empty() || (looked_ && since_look_.seconds() < kLookEvery)) return false;
  looked_ = true;
  since_look_ = Stopwatch();
  if (!exists(request_file_)) return false;
  try {
    leave_ = leave_ || starts_with(read_file(request_file_, kLongestRequest), kLeaveRequest);
    write_file_durably(request_answer_file(request_file_), cat(step, "\n"));
    answered_ = true;
  } catch (const std::exception& error) {  // whoever asked is content with any newer checkpoint then
    log_warning(error.what());
  }
  if (::unlink(request_file_.c_str()) != 0) return false;
  log_info(leave_ ? "asked to leave: saving a checkpoint first" : "a checkpoint was asked for");
  return true;
}

bool SaveTriggers::time_is_up(double save_seconds) {
  if (called_) longest_step_ = std::max(longest_step_, since_call_.seconds());
  called_ = true;
  since_call_ = Stopwatch();
  if (end_time_ <= 0 || told_) return told_;
  const double needed = 2 * longest_step_ + 2 * save_seconds + kTimeToLeave;
  const double left = end_time_ - now();
  if (left > needed) return false;
  told_ = true;
  log_info(cat("the job's time is up in ", human_duration(std::max(0.0, left)), ", a step and a checkpoint may take ",
               human_duration(needed), ": saving and leaving"));
  return true;
}

}  // namespace broadsheet
