// What the tests of pages share.
#pragma once

#include <string>

namespace broadsheet::fixtures {

// Elements closed in the order in which they were opened, attributes quoted, no stray '<' or '&': what an XML parser
// would insist on, apart from the doctype.
// Returns the first fault, or "".
std::string html_fault(const std::string& html);

}  // namespace broadsheet::fixtures
