// Files that a run appends to while it trains. Trouble with them is a warning, never the end of the training.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/fence.h"

namespace broadsheet {

// Appends whole records: one that does not fit on the disk is taken back, so that the file does not hold half of one
// while its writer lives, and waits in memory for the next try (up to 64 MiB; what comes after that is lost). The first
// failure is logged, later ones are silent until a write succeeds again. Whenever the
// file is opened the fence is looked at, see Note [Fencing]: RunError("run.fenced").
class AppendFile {
 public:
  AppendFile() = default;
  AppendFile(std::string path, Fence fence);  // created when absent; failing to open it is a warning
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();
  void append(std::string_view record);
  void sync();  // what waits, and fsync; trouble is a warning
  // Renames the file, which lies in the fence's folder, to `path`; goes on with it there. RunError when that fails.
  void publish(const std::string& path);
  const std::string& path() const { return path_; }

 private:
  bool open();
  void write_waiting();
  void warn(const char* operation, int error);
  std::optional<Fence> fence_;
  std::string path_, waiting_;
  int descriptor_ = -1;
  bool warned_ = false;
};

// Keeps the lines of a .jsonl file whose "step" is at most `step` and drops the others, a torn last line included, by a
// new file that `fence` publishes, also when there is nothing to drop: from then on an older attempt, should it still
// be alive, writes to a file of its own. `kept` is called for every line that stays. Trouble is a warning, except
// RunError("run.fenced").
void cut_back_lines(const std::string& path, int64_t step, const Fence& fence,
                    const std::function<void(const std::string& line)>& kept);

}  // namespace broadsheet
