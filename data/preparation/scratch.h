// Files that only live while a corpus is being prepared: whole when they have their name, but not synced. After a power
// loss their checksums tell which ones are still good.
#pragma once

#include <string>
#include <string_view>

namespace broadsheet {

// RunError("io.write") with errno's reason.
[[noreturn]] void cannot_write_scratch(const std::string& path);
void rename_over(const std::string& from, const std::string& to);
// Through a file whose name ends with `tag`, which no other process uses.
void write_scratch(const std::string& path, const std::string& tag, std::string_view bytes);

}  // namespace broadsheet
