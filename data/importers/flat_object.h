// A JSON object whose values are all strings, whole numbers, booleans or null: nearly every line of a corpus. Read with
// simdjson, which looks at the bytes of a line at a gigabyte per second.
#pragma once

#include <memory>
#include <string>

#include "data/document.h"

namespace broadsheet {

class FlatObjectReader {
 public:
  FlatObjectReader();
  ~FlatObjectReader();
  FlatObjectReader(FlatObjectReader&&) noexcept;
  FlatObjectReader& operator=(FlatObjectReader&&) noexcept;

  // Fills document.values as the general reader (jsonl.cpp) would. False for everything else, well-formed or not, which
  // that one reads or explains; `values` is empty then. `line` may be given a larger capacity.
  bool read(std::string& line, Document& document);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace broadsheet
