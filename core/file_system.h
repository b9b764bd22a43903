// Which file system a path is on, for messages about slow and failing disks.
#pragma once

#include <string>

namespace broadsheet {

// "/data (nfs4, server:/export)": mount point, type and source; "an unknown file system" where the kernel does not
// tell.
std::string file_system_of(const std::string& path);

// The same, from a text in the form of /proc/self/mountinfo (proc(5)) and an absolute path without links.
std::string file_system_of(const std::string& path, const std::string& mountinfo);

}  // namespace broadsheet
