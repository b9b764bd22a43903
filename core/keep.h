// Memory that must outlive its owner.
#pragma once

#include <memory>

namespace broadsheet {

// Keeps `value` until the process ends, because something that cannot be called back (a message under way, a call that
// never returned) may still read or write it. It stays reachable: no leak checker counts it. Thread-safe.
void keep_forever(std::shared_ptr<void> value);

}  // namespace broadsheet
