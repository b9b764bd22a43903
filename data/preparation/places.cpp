#include "data/preparation/places.h"

#include <optional>

#include "core/errors.h"

namespace broadsheet {

FolderLock Places::hold(const Incarnation& incarnation) const {
  try {
    return FolderLock::acquire(lock(), incarnation);
  } catch (const UserError& error) {
    const std::optional<LockHolder> holder = look_at_lock(lock());
    if (!holder) throw;
    throw UserError("lock.held",
                    cat(output, ": is being prepared by process ", holder->process, " on ", holder->host, " (",
                        holder->command, ")"),
                    error.faults().front().remedy);
  }
}

}  // namespace broadsheet
