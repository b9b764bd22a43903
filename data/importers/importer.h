// Importers: source files -> Documents. JSONL, CSV (RFC 4180), TSV (no quoting), plain text by line or as a whole, HTML
// articles and the tables of MIND, each in UTF-8 or another encoding, with or without a byte order mark, LF or CRLF,
// compressed or not, also as members of a tar archive.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/corpus_config.h"
#include "data/document.h"
#include "data/importers/line_reader.h"

namespace broadsheet {

// A stream over the records of one file, or of a range of its bytes. Not thread-safe. Memory is bounded by
// kMaxLineBytes.
class Importer {
 public:
  virtual ~Importer() = default;
  // False at the end. A malformed record comes back as `rejected`, never as an exception. The lines of a range are
  // counted from its beginning.
  virtual bool next(Record& record) = 0;
  // csv, tsv: the columns' names, from the header or the configuration; text: "text" and "line"; document: "text" and
  // "file"; html: kHtmlColumns; jsonl and archives: empty.
  virtual const std::vector<std::string>& columns() const = 0;
  // Bytes of the file on disk that were consumed so far, for progress.
  virtual int64_t consumed() const = 0;
  // Lines that were read so far.
  virtual int64_t lines() const = 0;
};

// `format` as in SourceConfig, or empty: by the file's name. Throws UserError ("corpus.no_file", "corpus.encoding",
// "corpus.header", "corpus.format") for what concerns the file as a whole. A `range` other than the whole file is for
// files that can_be_cut().
std::unique_ptr<Importer> open_importer(const std::string& path, const SourceConfig& source, int32_t file_number,
                                        const ByteRange& range = {});

// Whether a range of the file can be read without what is before it: uncompressed, no archive, and every line is a
// record.
bool can_be_cut(const std::string& path, const SourceConfig& source);

// "jsonl" for "a.jsonl.gz", "a.ndjson", ...; empty when the name does not tell.
std::string format_of(const std::string& path);
bool may_be_archive(const std::string& path);  // by its name

// The files of a source: patterns (glob(7)) expanded in alphabetical order, each file once; of a folder all files below
// it that are of `format` or, when that is empty, of one that their names tell. UserError("corpus.no_file") for a name,
// pattern or folder that gives nothing.
std::vector<std::string> expand_files(const std::vector<std::string>& patterns, const std::string& format = "");

}  // namespace broadsheet
