// Progress of long work: on a terminal one line rewritten in place, on a pipe a plain line every few seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace broadsheet {

class Progress {
 public:
  // `what`: "tokenising"; `unit`: "documents"; total 0: unknown (rate only, no time left).
  Progress(std::string what, std::string unit, int64_t total);
  ~Progress();  // ends the line
  void add(int64_t count = 1) { set(done_ + count); }
  void set(int64_t done);
  // A free-form line in place of the default one (the trainer's), shown under the same rules.
  void show(const std::string& line, bool force = false);
  double seconds_left() const;  // negative: unknown

 private:
  std::string what_, unit_;
  int64_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_, last_shown_;
  bool shown_ = false;
};

}  // namespace broadsheet
