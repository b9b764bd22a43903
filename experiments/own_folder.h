// The folder of a run belongs to the user who runs it: what others can put into it could be believed as one's own.
#pragma once

#include <string>

namespace broadsheet {

// Nothing when `path` is absent. UserError when it is a symbolic link ("run.symlink": links in folders above are the
// user's business), not a folder ("run.not_a_folder"), of another user, who is named ("run.foreign"), or read-only
// ("run.read_only"; of root too, whom its mode would not stop).
void check_own_folder(const std::string& path);
// Makes `path` with mode 0700 (its parents as usual) when it is absent; then check_own_folder.
// UserError("run.read_only") when it must not be made there.
void make_own_folder(const std::string& path);

}  // namespace broadsheet
