#include "core/progress.h"

#include <cstdio>

#include "core/log.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr double kTerminalSeconds = 0.2;  // between two rewritings of the line
constexpr double kPlainSeconds = 5;       // between two plain lines

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Progress::Progress(std::string what, std::string unit, int64_t total)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      start_(std::chrono::steady_clock::now()),
      last_shown_(start_) {}

Progress::~Progress() {
  if (shown_ && console_is_terminal()) std::fputc('\n', stderr);
}

void Progress::set(int64_t done) {
  done_ = done;
  const auto now = std::chrono::steady_clock::now();
  // Composing the line costs more than counting: ask first whether it would be shown.
  if (seconds_between(last_shown_, now) < (console_is_terminal() ? kTerminalSeconds : kPlainSeconds)) return;
  const double elapsed = seconds_between(start_, now);
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0;
  std::string line = cat(what_, ": ", with_thousands(done_));
  if (total_ > 0) line += cat(" of ", with_thousands(total_));
  line += cat(" ", unit_, ", ", with_thousands(static_cast<int64_t>(rate)), "/s");
  if (const double left = seconds_left(); left >= 0) line += ", " + human_duration(left) + " left";
  show(line);
}

void Progress::show(const std::string& line, bool force) {
  const bool terminal = console_is_terminal();
  const auto now = std::chrono::steady_clock::now();
  if (!force && seconds_between(last_shown_, now) < (terminal ? kTerminalSeconds : kPlainSeconds)) return;
  last_shown_ = now;
  shown_ = true;
  if (terminal) {
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    std::fflush(stderr);
  } else {
    log_info(line);
  }
}

double Progress::seconds_left() const {
  if (total_ <= 0 || done_ <= 0) return -1;
  const double elapsed = seconds_between(start_, std::chrono::steady_clock::now());
  return elapsed / static_cast<double>(done_) * static_cast<double>(total_ - done_);
}

}  // namespace broadsheet
