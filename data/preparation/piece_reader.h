// Reading a piece of the sources: records -> fields -> tokens -> chunks.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "data/cleaning/deidentify.h"
#include "data/cleaning/near_duplicates.h"
#include "data/cleaning/repeated_lines.h"
#include "data/field_reader.h"
#include "data/importers/importer.h"
#include "data/preparation/chunk.h"
#include "data/preparation/pieces.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {

// More classes than this is a column of texts or ids that somebody called a label.
inline constexpr size_t kMaxFoundClasses = 10000;
[[noreturn]] void too_many_classes(const std::string& field);

// A record that was set aside.
struct Reject {
  int64_t line = 0;  // in the piece, from 1
  int64_t byte = 0;  // in the file
  Rejection rejection;

  std::string text() const;  // a line of a piece's list, with its end
  static Reject from(const std::string& line);
};

// What reading a piece has given beside its chunks and its list of rejects. Its file is written last: with it the piece
// is done.
struct PieceRecord {
  struct ChunkFile {
    int64_t documents = 0;
    std::string checksum;
  };
  int64_t read = 0, lines = 0;
  std::set<std::string> columns;  // SeenColumns
  std::vector<ChunkFile> chunks;
  std::map<std::string, int64_t> rejected_by_reason;
  std::map<std::string, int64_t> filtered_by_reason;  // dropped for what they are
  std::map<std::string, int64_t> cleaned_by_step;     // documents of the chunks that a step has changed
  std::map<std::string, int64_t> deidentified;        // by kind, in the documents of the chunks
  std::string rejects_checksum;

  nlohmann::json json() const;
  static PieceRecord from(const nlohmann::json& json);  // throws nlohmann's exceptions
};

// Where what is made of a piece goes: names below `base`, which end with `tag` until they are whole.
struct PieceFiles {
  std::string base, tag;
  std::string record() const { return base + ".json"; }
  std::string rejects() const { return base + ".rejects"; }
  std::string chunk(size_t number) const;
};

class PieceReader {
 public:
  // What is passed must outlive the object. `deidentifier`, `repeated`: nullptr when what they look for stays.
  // `chunk_bytes`: of the source, per chunk.
  PieceReader(const CorpusConfig& config, const FieldReader& fields, const Tokenizer& tokenizer,
              const Deidentifier* deidentifier, const RepeatedLines* repeated, const std::vector<SourceFile>& files,
              int64_t chunk_bytes);
  // Bad records are listed; what concerns a whole file is thrown (UserError).
  PieceRecord read(const Piece& piece, const PieceFiles& files);

 private:
  std::optional<Rejection> take(const Record& record);
  std::vector<std::string_view> clean(std::vector<const char*>& steps, IdentifierCounts& identifiers);
  std::string own_key(const std::vector<std::string_view>& texts) const;
  Split choose_split(const std::vector<std::string_view>& texts) const;
  void add(Split split, int64_t line);
  void add_signatures(const std::vector<std::string_view>& texts);
  int32_t class_id(size_t field, const std::string& name);
  void start_chunk();
  void finish_chunk(PieceRecord& record, const PieceFiles& files);

  const CorpusConfig& config_;
  const FieldReader& fields_;
  const Tokenizer& tokenizer_;
  const Deidentifier* deidentifier_;
  const RepeatedLines* repeated_;
  const std::vector<SourceFile>& files_;
  int64_t chunk_bytes_;
  std::vector<size_t> texts_;
  std::vector<size_t> deidentified_fields_;
  std::optional<Banding> banding_;  // of the search for near-duplicates
  PieceRecord counts_;              // of the piece so far
  IdentifierCounts identifiers_{};
  int id_ = -1, split_field_ = -1;
  Row row_;
  std::vector<std::vector<int32_t>> tokens_;
  Chunk chunk_;
  std::vector<std::map<std::string, int32_t>> class_ids_;  // by field
};

}  // namespace broadsheet
