#include "core/keep.h"

#include <mutex>
#include <utility>
#include <vector>

namespace broadsheet {

namespace {

struct Kept {
  std::mutex mutex;
  std::vector<std::shared_ptr<void>> values;
};

}  // namespace

void keep_forever(std::shared_ptr<void> value) {
  // Never destroyed: who uses the values may do so until the last moment.
  static Kept* const kept = new Kept;
  const std::lock_guard lock(kept->mutex);
  kept->values.push_back(std::move(value));
}

}  // namespace broadsheet
