#include "core/work_queue.h"

#include <utility>

#include "core/keep.h"

namespace broadsheet {

WorkQueue::WorkQueue() : thread_([this] { work_off(); }) {}

WorkQueue::~WorkQueue() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  posted_.notify_all();
  thread_.join();
}

void WorkQueue::post(Run run, Done done) {
  auto operation = std::make_unique<Operation>(Operation{std::move(run), std::move(done)});
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(operation));
  }
  posted_.notify_one();
}

void WorkQueue::work_off() {
  std::exception_ptr failure;
  for (;;) {
    std::unique_ptr<Operation> operation;
    {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      operation = std::move(queue_.front());
      queue_.pop_front();
    }
    if (failure) {
      operation->done(failure);
      continue;
    }
    try {
      operation->run();
    } catch (...) {
      failure = std::current_exception();
    }
    operation->done(failure);
    if (failure) keep_forever(std::move(operation));
  }
}

}  // namespace broadsheet
