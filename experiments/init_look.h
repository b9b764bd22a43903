// DataLook: what the first thousand lines of a data file look like.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/document.h"

namespace broadsheet {

inline constexpr int64_t kLookRecords = 1000;

struct DataLook {
  std::string format;                // jsonl | csv | tsv | text
  std::string encoding;              // as SourceConfig has it
  bool header = true;                // csv, tsv
  std::vector<std::string> columns;  // csv, tsv: in order; jsonl: the keys, in order of first appearance
  std::vector<Document> documents;   // the good ones
  int64_t rejected = 0;
  std::string first_reject;  // "line 7: bad_json"
  bool whole_file = false;   // the file has no more than was looked at

  // Values of a column, missing ones left out.
  std::vector<std::string> values(const std::string& column) const;
  bool has(const std::string& column) const;
};

// `asked` are the columns that the person named: they tell a header from a first record. In a file without a header
// columns are called column_1, column_2, ... UserError("init.no_column") for one that does not exist.
DataLook look_at(const std::string& path, const std::vector<std::string>& asked);

}  // namespace broadsheet
