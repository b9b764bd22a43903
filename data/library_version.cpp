#include "data/library_version.h"

#include <hdf5.h>

#include "core/text.h"

namespace broadsheet {

std::string hdf5_library_version() {
  unsigned major = 0, minor = 0, release = 0;
  if (H5get_libversion(&major, &minor, &release) < 0) return "unknown";
  return cat(major, ".", minor, ".", release);
}

}  // namespace broadsheet
