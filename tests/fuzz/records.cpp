// Source files in all formats, compressed or not, perhaps as members of an archive. The first byte says which.
#include <map>

#include "data/importers/importer.h"
#include "tests/fuzz/fuzz.h"

using namespace broadsheet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzFolder folder;
  if (size == 0) return 0;
  folder.put("x", text_of(data + 1, size - 1));
  SourceConfig source;
  static const std::map<uint8_t, const char*> formats = {{'c', "csv"},      {'t', "tsv"},  {'p', "text"},
                                                         {'d', "document"}, {'h', "html"}, {'m', "mind_news"}};
  const auto format = formats.find(data[0] | 0x20);
  source.format = format == formats.end() ? "jsonl" : format->second;
  if ((data[0] & 0x20) == 0) source.encoding = data[0] % 2 == 0 ? "gb18030" : "big5";
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
