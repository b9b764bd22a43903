// Messages between threads that play ranks, in place of MPI. As there, a message is two requests that stay open until a
// thread of the network's own, the courier, has copied the one's memory into the other's: late, out of order between
// peers and tags (in order between the same), and also when nobody waits any more. What changes or frees its memory too
// early is found by a sanitizer.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <vector>

#include "trainer/parallel/polling.h"
#include "trainer/parallel/rank_order_sum.h"

namespace broadsheet {

class FakeNetwork {
 public:
  using Request = int64_t;
  explicit FakeNetwork(int size, unsigned seed = 1)
      : size_(size), generator_(seed), courier_([this] { deliver_all(); }) {}
  // Delivers what has both its ends.
  ~FakeNetwork() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    something_.notify_all();
    courier_.join();
  }
  int size() const { return size_; }

  Request send(int from, int to, int tag, const void* memory, int64_t bytes) {
    const std::lock_guard lock(mutex_);
    channels_[{from, to, tag}].sends.push_back({memory, bytes, ++last_});
    return opened();
  }
  Request receive(int from, int to, int tag, void* memory, int64_t bytes) {
    const std::lock_guard lock(mutex_);
    channels_[{from, to, tag}].receives.push_back({memory, bytes, ++last_});
    return opened();
  }
  bool all_done(const std::vector<Request>& requests) {
    const std::lock_guard lock(mutex_);
    return std::none_of(requests.begin(), requests.end(), [&](Request one) { return open_.count(one) > 0; });
  }
  int64_t delivered() {
    const std::lock_guard lock(mutex_);
    return delivered_;
  }

 private:
  template <class Memory>
  struct End {
    Memory memory;
    int64_t bytes;
    Request request;
  };
  struct Channel {
    std::deque<End<const void*>> sends;
    std::deque<End<void*>> receives;
    bool ready() const { return !sends.empty() && !receives.empty(); }
  };

  Request opened() {
    open_.insert(last_);
    something_.notify_all();
    return last_;
  }
  std::vector<Channel*> ready() {
    std::vector<Channel*> found;
    for (auto& [key, channel] : channels_)
      if (channel.ready()) found.push_back(&channel);
    return found;
  }
  void deliver_all() {
    std::unique_lock lock(mutex_);
    for (;;) {
      something_.wait(lock, [this] { return ending_ || !ready().empty(); });
      if (ready().empty()) return;
      if (generator_() % 16 == 0) {
        lock.unlock();
        std::this_thread::sleep_for(std::chrono::microseconds(generator_() % 200));
        lock.lock();
      }
      const std::vector<Channel*> choice = ready();
      Channel& channel = *choice[generator_() % choice.size()];
      const auto from = channel.sends.front();
      const auto to = channel.receives.front();
      channel.sends.pop_front();
      channel.receives.pop_front();
      lock.unlock();
      if (from.bytes != to.bytes) ADD_FAILURE() << from.bytes << " bytes sent, " << to.bytes << " wanted";
      if (to.bytes > 0) std::memcpy(to.memory, from.memory, static_cast<size_t>(std::min(from.bytes, to.bytes)));
      lock.lock();
      open_.erase(from.request);
      open_.erase(to.request);
      ++delivered_;
    }
  }

  const int size_;
  std::mt19937 generator_;  // the courier's
  std::mutex mutex_;
  std::condition_variable something_;
  std::map<std::tuple<int, int, int>, Channel> channels_;  // from, to, tag
  std::set<Request> open_;
  Request last_ = 0;
  int64_t delivered_ = 0;
  bool ending_ = false;
  std::thread courier_;  // last: it uses all of the above
};

// One rank's end of it, used by one thread: the transport of RankOrderSum, as MpiBackend has it.
class FakeTransport {
 public:
  FakeTransport(FakeNetwork& network, int rank, const std::atomic<bool>& abandon)
      : network_(network), rank_(rank), abandon_(abandon) {}
  int rank() const { return rank_; }
  int size() const { return network_.size(); }
  // The nth call of the network (a send, a receive or a first look at what is done) throws.
  void fail_at(int call) { fail_at_ = call; }
  int calls() const { return calls_; }

  void exchange(const std::vector<Message>& messages, const char* what) {
    std::vector<FakeNetwork::Request> requests;
    for (const Message& one : messages) {
      count(what);
      requests.push_back(network_.receive(one.peer, rank_, one.tag, one.receive, one.receive_bytes));
      count(what);
      requests.push_back(network_.send(rank_, one.peer, one.tag, one.send, one.send_bytes));
    }
    count(what);
    poll_until([&] { return network_.all_done(requests); }, what, &abandon_);
  }

 private:
  void count(const char* what) {
    if (++calls_ == fail_at_) throw std::runtime_error(cat("injected: ", what));
  }

  FakeNetwork& network_;
  const int rank_;
  const std::atomic<bool>& abandon_;
  int calls_ = 0, fail_at_ = 0;
};

}  // namespace broadsheet
