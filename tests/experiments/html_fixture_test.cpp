#include "tests/experiments/html_fixture.h"

#include <algorithm>
#include <regex>
#include <vector>

namespace broadsheet::fixtures {

std::string html_fault(const std::string& html) {
  static const std::regex tag(R"(^<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z_:][a-zA-Z0-9_:-]*="[^"<]*")*)\s*(/?)>)");
  static const std::regex entity(R"(^&(amp|lt|gt|quot|#39);)");
  std::vector<std::string> open;
  size_t at = html.find("<html");
  while (at < html.size()) {
    const char* begin = html.data() + at;
    std::cmatch match;
    if (html.compare(at, 7, "<style>") == 0) {
      at = html.find("</style>", at) + 8;
    } else if (html.compare(at, 8, "<script>") == 0) {
      const size_t end = html.find("</script>", at);
      if (html.find_first_of("<&", at + 8) != end) return "a script with < or & in it";
      at = end + 9;
    } else if (*begin == '<') {
      const size_t end = html.find('>', at);
      if (!std::regex_search(begin, html.data() + end + 1, match, tag)) return "bad tag: " + html.substr(at, 60);
      if (match[1].length() > 0) {
        if (open.empty() || open.back() != match[2]) return "closes " + match[2].str();
        open.pop_back();
      } else if (match[4].length() == 0) {
        open.push_back(match[2]);
      }
      at += static_cast<size_t>(match[0].length());
    } else if (*begin == '&') {
      if (!std::regex_search(begin, html.data() + std::min(at + 8, html.size()), match, entity)) {
        return "bad entity: " + html.substr(at, 20);
      }
      at += static_cast<size_t>(match[0].length());
    } else {
      ++at;
    }
  }
  return open.empty() ? "" : "never closes " + open.back();
}

}  // namespace broadsheet::fixtures
