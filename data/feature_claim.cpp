#include "data/feature_claim.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/errors.h"
#include "core/folder_watch.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr std::chrono::seconds kRenewEvery{1};

}  // namespace

FeatureClaim::FeatureClaim(const std::string& feature_file, double patience)
    : path_(feature_file + ".claim"), patience_(patience) {}

bool FeatureClaim::take() {
  const std::optional<LockHolder> holder = look_at_lock(path_);
  if (holder && !holder->gone) {
    holder_ = cat(holder->host, ", process ", holder->process);
    return is_silent();
  }
  try {
    make_folders(parent_folder(path_));
    lock_.emplace(FolderLock::acquire(path_));
  } catch (const UserError&) {
    return is_silent();  // another one was faster
  } catch (const RunError&) {
    // A place that takes no claim takes no rows either; the writer says why.
  }
  return true;
}

// By this process's own clock: when the claim was last seen to change.
bool FeatureClaim::is_silent() {
  const std::string identity = file_identity(path_);
  if (identity.empty()) return false;  // given back just now
  if (identity != seen_) {
    seen_ = identity;
    heard_ = Clock::now();
  }
  return std::chrono::duration<double>(Clock::now() - heard_).count() > patience_;
}

void FeatureClaim::renew() {
  if (!lock_ || Clock::now() - renewed_ < kRenewEvery) return;
  renewed_ = Clock::now();
  ::utimensat(AT_FDCWD, path_.c_str(), nullptr, 0);
}

}  // namespace broadsheet
