// One attempt of a run at a time publishes anything, also while an older incarnation of it is still alive elsewhere.
//
// Note [Fencing]: whatever an attempt publishes it first writes below <root>/.attempt-<k>, and then renames out of it.
// A newer attempt begins by renaming every older attempt's folder away and emptying it. From then on the older one's
// renames fail (its source is gone), whatever it believes and however long it was stopped; it can no more publish
// anything. What it must move out of the way it renames *into* its folder, and that fails as well.
//  * Numbers. Attempt k first takes its number (mkdir <taken>/attempt-<k>; never removed), then makes .attempt-<k>,
//    then looks at <taken> and <root>. Of two attempts j < k either j's folder is there when k looks, and k renames it
//    away; or j makes it after k has looked, hence after k has taken its number, and j sees that when it looks and
//    gives way. <root> alone would not do: k's folder is gone when k has ended.
//  * Nobody makes .attempt-<j> a second time: below it folders are made one by one, never with their parents.
//  * A file that is appended to (metrics.jsonl) is put in place anew by each attempt, then opened, and then the fence
//  is
//    looked at once more. A newer attempt puts its own there later: the older one's descriptor then belongs to a file
//    without a name.
//  * A client of a network file system may still have the old name for some seconds. It fails only when the folder is
//    removed, so raise() returns after that. What cannot be removed is tried again by the next attempt.
// Which of two living attempts is the rightful one is not decided here, but by the run's lock (core/durable.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace broadsheet {

class Error;
bool is_fenced_off(const Error& error);  // whether it is RunError("run.fenced")

class Fence {
 public:
  // Attempt number `attempt` (1, 2, ...) of what lives under `root` begins: makes <root>/.attempt-<attempt>, renames
  // those of all lower attempts away and removes what it renamed. RunError("run.fenced") when there is a higher one, in
  // `root` or in `taken`, where every attempt has left attempt-<k> ("": nowhere).
  static Fence raise(const std::string& root, int64_t attempt, const std::string& taken = "");
  // For another process of the same attempt: touches nothing.
  static Fence join(const std::string& root, int64_t attempt);
  // The highest attempt in `root` or `taken`; 0: none.
  static int64_t newest(const std::string& root, const std::string& taken);

  int64_t attempt() const { return attempt_; }
  const std::string& folder() const { return folder_; }  // <root>/.attempt-<attempt>
  // RunError("run.fenced") naming the newer attempt when this one has been fenced off.
  void check() const;
  // Runs `body`; what fails in it because this attempt has been fenced off is RunError("run.fenced").
  void guard(const std::function<void()>& body) const;

  // The following are durable (fsync of both parents) and throw RunError("run.fenced") when fenced off.
  // Renames <folder()>/name to `target`.
  void publish(const std::string& name, const std::string& target) const;
  // A small file with this text, whole, under its name below folder() first.
  void publish_text(const std::string& target, std::string_view text) const;
  // As publish() of a folder, also where `target` is one: exchanged in one step where the file system can do that,
  // elsewhere moved aside first. The old one is removed.
  void replace_folder(const std::string& name, const std::string& target) const;
  // Takes `path` away: into the folder, then removed.
  void withdraw(const std::string& path) const;

  // The attempt is over: removes its folder. Never throws.
  void lower() const noexcept;

 private:
  Fence(std::string root, int64_t attempt);
  std::string root_, folder_;
  int64_t attempt_ = 0;
};

}  // namespace broadsheet
