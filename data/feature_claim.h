// Note [One computes, the others wait]: runs and trials that need the same rows at once need them computed once. Who
// comes first holds a claim beside the file, and tells again and again that it still works. The others look until the
// claim is free: then the file is there, or its holder has died and they take over. A holder of whom nothing is heard
// for a minute is passed over. A claim saves work and no more: who goes without one writes the same bytes
// (FeatureWriter).
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/durable.h"

namespace broadsheet {

class FeatureClaim {
 public:
  // Touches nothing yet. `patience`: seconds.
  explicit FeatureClaim(const std::string& feature_file, double patience = 60);

  // True: compute now, with the claim or, where it cannot be had, without. False: somebody else computes; ask again.
  bool take();
  // While it computes, from time to time. Never throws.
  void renew();
  // "<host>, process <n>": who was seen to hold it last.
  const std::string& holder() const { return holder_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool is_silent();

  std::string path_, holder_;
  double patience_;
  std::optional<FolderLock> lock_;
  Clock::time_point renewed_;
  std::string seen_;  // the claim of another, when it was looked at last
  Clock::time_point heard_;
};

}  // namespace broadsheet
