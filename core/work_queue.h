// Operations that run one after another in a thread of their own, in the order in which they were posted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace broadsheet {

class WorkQueue {
 public:
  using Run = std::function<void()>;
  // Called in the queue's thread when the operation has run (null) or failed.
  using Done = std::function<void(std::exception_ptr)>;

  WorkQueue();
  // Sets closing() and waits until everything posted has run or failed. Who waits inside an operation for something
  // that may never come looks at closing() and throws.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Returns at once. Thread-safe. After an operation has thrown, those behind it are not run: their `done` gets the
  // same exception. The operation that threw is kept for the rest of the process, because what it began elsewhere may
  // still use what it holds.
  void post(Run run, Done done);
  const std::atomic<bool>& closing() const { return closing_; }

 private:
  struct Operation {
    Run run;
    Done done;
  };
  void work_off();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::unique_ptr<Operation>> queue_;
  std::atomic<bool> closing_{false};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace broadsheet
