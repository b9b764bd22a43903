#include "data/step_loader.h"

#include <chrono>
#include <cmath>
#include <utility>

#include "core/file_system.h"
#include "core/log.h"
#include "core/text.h"

namespace broadsheet {

int64_t StepBatches::tokens() const {
  int64_t sum = 0;
  for (const Batch& batch : batches) sum += batch.total();
  return sum;
}

StepLoader::StepLoader(Make make, int64_t end_step, std::string source, Limits limits)
    : make_(std::move(make)), end_step_(end_step), source_(std::move(source)), limits_(limits) {}

StepLoader::~StepLoader() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wanted_.notify_all();
  for (std::thread& reader : readers_) reader.join();
}

StepBatches StepLoader::take(int64_t step) {
  std::unique_lock lock(mutex_);
  if (step != next_take_) {
    ++generation_;
    ready_.clear();
    waiting_tokens_ = 0;
    next_make_ = step;
  }
  next_take_ = step + 1;
  if (readers_.empty()) {
    for (int i = 0; i < limits_.readers; ++i) readers_.emplace_back([this] { read(); });
  }
  wanted_.notify_all();
  wait_for(step, lock);
  Made made = std::move(ready_.at(step));
  ready_.erase(step);
  waiting_tokens_ -= made.batches.tokens();
  lock.unlock();
  wanted_.notify_all();
  if (made.failure) {
    lock.lock();
    next_take_ = -1;  // asked for again, it is made again
    std::rethrow_exception(made.failure);
  }
  return std::move(made.batches);
}

void StepLoader::wait_for(int64_t step, std::unique_lock<std::mutex>& lock) {
  const auto begun = std::chrono::steady_clock::now();
  std::chrono::duration<double> patience(limits_.patience);
  while (!made_.wait_until(lock, begun + patience, [&] { return ready_.count(step) > 0; })) {
    lock.unlock();
    log_warning(cat("step ", step + 1, " has waited ", std::llround(patience.count()), " s for its data: ", source_,
                    " on ", file_system_of(source_), " is read slowly"));
    lock.lock();
    patience *= 2;
  }
}

bool StepLoader::may_begin() const {
  if (next_take_ < 0) return false;
  // The step that is waited for is begun whatever lies ready.
  if (next_make_ < next_take_) return true;
  return next_make_ < end_step_ && next_make_ < next_take_ + limits_.steps && waiting_tokens_ < limits_.tokens;
}

void StepLoader::read() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return closing_ || may_begin(); });
    if (closing_) return;
    const int64_t step = next_make_++, generation = generation_;
    lock.unlock();
    Made made;
    try {
      made.batches = make_(step);
    } catch (...) {
      made.failure = std::current_exception();
    }
    lock.lock();
    if (generation != generation_) continue;
    waiting_tokens_ += made.batches.tokens();
    ready_.emplace(step, std::move(made));
    made_.notify_all();
  }
}

}  // namespace broadsheet
