// Paths as text, without asking the disk and without changing directory.
#pragma once

#include <string>

namespace broadsheet {

// "/a/b/c" -> "/a/b", "c" -> ".", "/c" -> "/". A trailing slash is ignored.
std::string parent_folder(const std::string& path);
// "/a/b/c" -> "c"; "/a/b/" -> "b".
std::string file_name(const std::string& path);
// `path` seen from `folder` (itself relative to the working directory), made absolute and lexically normal: no ".",
// "..", double or trailing slashes. Symbolic links are left as they are.
std::string absolute_path(const std::string& path, const std::string& folder = ".");

}  // namespace broadsheet
