// Preparation: one pass over the sources, documents -> fields -> tokens -> splits -> shards.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/corpus_writer.h"
#include "data/duplicates.h"
#include "data/importers/importer.h"
#include "data/sources.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {

inline constexpr const char* kRejectedName = "rejected.jsonl";

class Preparation {
 public:
  // Writes into `folder`, which exists and is empty. Everything that is passed must outlive the object.
  Preparation(const CorpusConfig& config, const FieldReader& fields, const Tokenizer& tokenizer,
              const std::vector<SourceFile>& files, const std::string& folder);

  // Reads every source once. Bad records go to rejected.jsonl; what concerns a whole file is thrown (UserError).
  void run();

  PrepareReport report;
  CorpusWriter& writer() { return writer_; }
  const RejectLog& rejects() const { return rejects_; }

 private:
  void check_columns(const Importer& importer, const SourceFile& file) const;
  void take();
  std::optional<Rejection> keep();
  Split choose_split(const std::vector<std::string_view>& texts) const;

  const CorpusConfig& config_;
  const FieldReader& fields_;
  const Tokenizer& tokenizer_;
  const std::vector<SourceFile>& files_;
  RejectLog rejects_;
  CorpusWriter writer_;
  HashSet seen_;
  std::vector<size_t> texts_;
  int id_ = -1, split_field_ = -1;
  Record record_;
  Row row_;
  std::vector<std::vector<int32_t>> tokens_;
};

}  // namespace broadsheet
