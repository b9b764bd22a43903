// The sweep's journal: every decision is on disk before it is acted on. An append-only text file and not a data base,
// because sweeps live on the file systems that clusters share, where SQLite's locks and its shared memory cannot be
// relied on; and because a person can read it.
//
// Format, version 1. <sweep>/journal/<nnnnnn>.jsonl; the highest number counts. A line is
//   <first 16 hex digits of the XXH3 of the rest> <space> <JSON object> <newline>
// An object with "more": true counts only together with the next one: what was appended at once is there whole or not
// at all.
//
// Note [Segments]: each start of the driver copies what it has read into a file of the next number, puts that in place
// by a rename and appends there. So nothing is trusted that a failed fsync may have lost, nobody appends to a file of
// another start, and a driver that was taken for dead and wakes up writes where nobody reads any more. Before and after
// each append it looks whether there is a newer file, and ends with RunError("sweep.fenced") when there is.
//
// A line that was cut off at the end is passed over; one that is damaged before it is UserError("sweep.damaged") with
// its file and line.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace broadsheet {

class Journal {
 public:
  using Apply = std::function<void(const nlohmann::json& event)>;

  // Calls `apply` for every event in order, then begins the file of this start. The caller holds the sweep's lock.
  // RunError ("io.*") when the disk does not take it: nothing is lost then.
  static Journal open(const std::string& folder, const Apply& apply);
  // For those who only look. Returns false when there is no journal.
  static bool read(const std::string& folder, const Apply& apply);

  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  int64_t driver() const { return number_; }  // 1, 2, ...: which start of the driver this is
  // They are on disk when it returns. RunError when they are not, or may not be: the journal takes no more then, and
  // the next start finds all of them or none.
  void append(const std::vector<nlohmann::json>& events);

 private:
  Journal(const std::string& folder, int64_t number);
  void check_not_taken_over() const;
  std::string path_, next_;
  int64_t number_;
  int descriptor_ = -1;
  bool broken_ = false;
};

}  // namespace broadsheet
