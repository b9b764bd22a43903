// Whether the columns that a configuration names are there.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/errors.h"
#include "data/document.h"
#include "data/field_reader.h"
#include "data/sources.h"

namespace broadsheet {

// Of a file whose format names its `columns`; empty: it does not. UserError("corpus.no_column") with every one that
// the fields and the filter want and it has not.
void check_columns(const CorpusConfig& config, const FieldReader& fields, const std::vector<std::string>& columns,
                   const SourceFile& file);

// Which columns the records of a piece have, as far as it takes to know that those of the filter are among them.
class SeenColumns {
 public:
  // `columns`: of the format, when it names them.
  SeenColumns(const FilterConfig& filter, const std::vector<std::string>& columns);
  void add(const Document& document);
  const std::set<std::string>& names() const { return names_; }

 private:
  std::set<std::string> missing_, names_;
};

// Adds a fault for each column of the source's filter that is not among those `seen` in all of it. None seen at all:
// nothing is known.
void check_filter(const CorpusConfig& config, const std::vector<SourceFile>& files, const SourceConfig& source,
                  const std::set<std::string>& seen, Faults& faults);

}  // namespace broadsheet
