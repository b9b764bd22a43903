// A list of names that are to be found exactly as they are written.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/cleaning/identifiers.h"

namespace broadsheet {

class NameList {
 public:
  // `text`: a person a line; several ways to write the name lie between tabs, the first stands for all of them. Empty
  // lines and those that begin with # are passed over. A space stands for any run of spaces and line ends. UserError
  // ("corpus.names") for a name of fewer than two characters, of more than 200 bytes, or one that two persons have.
  NameList(std::string_view text, const std::string& path);
  NameList() = default;

  // Upper and lower case matter. A name whose script puts spaces between words is a whole word; a Chinese one stands
  // anywhere. The longest that begins at a place is found.
  void find(std::string_view text, std::vector<Finding>& found) const;
  // The first way to write the name that a finding holds.
  std::string_view person(std::string_view found) const;
  size_t size() const { return names_.size(); }

 private:
  struct Name {
    std::string text;
    uint32_t person = 0;
  };
  size_t longest_at(std::string_view text, size_t begin) const;

  std::vector<Name> names_;           // sorted
  std::vector<std::string> persons_;  // by number
  std::bitset<65536> begins_;         // first two bytes
};

}  // namespace broadsheet
