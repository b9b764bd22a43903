// The words of a piece of the sources, for training a tokenizer.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "data/cleaning/deidentify.h"
#include "data/field_reader.h"
#include "data/preparation/piece_reader.h"
#include "data/preparation/pieces.h"
#include "data/tokenizers/tokenizer_trainer.h"

namespace broadsheet {

// What reading a piece has given beside its runs of words (word_counts.h). Its file is written last.
struct WordRecord {
  int64_t read = 0, documents = 0;
  std::map<std::string, int64_t> rejected_by_reason, filtered_by_reason;
  std::set<std::string> columns;  // SeenColumns
  int64_t words_too_long = 0;
  int64_t runs = 0;

  nlohmann::json json() const;
  static WordRecord from(const nlohmann::json& json);  // throws nlohmann's exceptions
};
// Of the run `number` of a piece's files.
std::string word_run(const PieceFiles& files, int64_t number);

class WordReader {
 public:
  // What is passed must outlive the object. `deidentifier`: nullptr when nothing is replaced. `table_bytes`: of words
  // that are held before a run is written.
  WordReader(const CorpusConfig& config, const FieldReader& fields, const Deidentifier* deidentifier,
             const std::vector<SourceFile>& files, const TrainingOptions& options,
             size_t table_bytes = size_t{128} << 20);
  // Bad records are counted; what concerns a whole file is thrown (UserError).
  WordRecord read(const Piece& piece, const PieceFiles& piece_files);

 private:
  std::optional<Rejection> take(const Document& document, TrainingWords& words, WordRecord& record);

  const CorpusConfig& config_;
  const FieldReader& fields_;
  const Deidentifier* deidentifier_;
  const std::vector<SourceFile>& files_;
  const TrainingOptions& options_;
  const size_t table_bytes_;
  std::vector<size_t> texts_, deidentified_;  // numbers of fields
  Row row_;
  WordTable table_;
};

}  // namespace broadsheet
