// Source files: JSONL, CSV, TSV and plain text, compressed or not. The first byte says which.
#include "data/importers/importer.h"
#include "tests/fuzz/fuzz.h"

using namespace broadsheet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzFolder folder;
  if (size == 0) return 0;
  folder.put("x", text_of(data + 1, size - 1));
  SourceConfig source;
  source.format = data[0] == 'c' ? "csv" : data[0] == 't' ? "tsv" : data[0] == 'p' ? "text" : "jsonl";
  refused_or_read([&] {
    const auto importer = open_importer(folder / "x", source, 0);
    Record record;
    int64_t line = 0;
    while (importer->next(record)) {
      if (record.document.place.line <= line) std::abort();  // each line is one record's at most
      line = record.document.place.line;
      if (record.rejected && record.rejection.reason().empty()) std::abort();
    }
  });
  return 0;
}
