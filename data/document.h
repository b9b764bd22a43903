// Document: one record of a source as it was read, before any field is interpreted.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace broadsheet {

// Where a record begins. Lines count from 1, bytes from 0, both in the decompressed file.
struct SourcePlace {
  int32_t file = 0;  // number of the file in the list of all source files
  int64_t line = 0;
  int64_t byte = 0;
};

// Why a record was set aside. `code` is one of a small fixed set ("bad_json", "missing_field", ...); `detail` may name
// fields and counts, never the record's text: the list of rejects can be passed on without passing on the texts.
struct Rejection {
  std::string code;
  std::string detail;

  std::string reason() const { return detail.empty() ? code : code + ": " + detail; }
};

// Named values, as text. Every name and value is well-formed UTF-8 without NUL characters.
struct Document {
  SourcePlace place;
  std::map<std::string, std::string, std::less<>> values;  // JSON: numbers and booleans as written, null left out
  std::set<std::string, std::less<>> nested;               // JSON: names whose value is an object or an array
  // JSON: of these, arrays of values alone (null left out).
  std::map<std::string, std::vector<std::string>, std::less<>> lists;
};

// What an importer yields: a document or, when `rejected`, the place and the reason of a malformed record.
struct Record {
  Document document;
  bool rejected = false;
  Rejection rejection;
};

}  // namespace broadsheet
