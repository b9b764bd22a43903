// Names and files inside checkpoints/, shared by those who read and those who write it. Inside this layer only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/snapshot.h"

namespace broadsheet {

std::string step_name(int64_t step);                           // "step-00000120"
int64_t step_of(std::string_view name);                        // and back; -1 for any other name
std::vector<std::string> names_in(const std::string& folder);  // sorted; none when there is no such folder

// Removes what nobody reads any more. Trouble is a warning: it will be tried again.
void remove_tree(const std::string& path);

// What is wrong with a part by name, kind and size alone; empty: nothing.
std::string check_part(const std::string& folder, const PartRecord& part);

}  // namespace broadsheet
