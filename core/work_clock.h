// Time as this thread lives it: what passes while it is ready to run and another process has the core is left out, so
// that two measurements of the same work are alike on a machine that is shared. What passes while it computes, waits
// for a disk or is stopped is in it.
#pragma once

#include <cstdint>

namespace broadsheet {

// Nanoseconds since a moment of this thread's; only differences mean something. Where the kernel does not tell, all
// time counts. A call takes some microseconds.
int64_t work_clock_ns();

}  // namespace broadsheet
