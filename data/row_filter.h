// Which records of a source become documents, by the values of their columns.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/corpus_config.h"
#include "data/document.h"

namespace broadsheet {

// The columns that the filter looks at, each with the key that names it.
std::vector<std::pair<std::string, std::string>> filter_columns(const FilterConfig& filter);

// The first column for which the record is passed over: those of `keep` in alphabetical order, then `not_empty`. A
// column that the record has not, or that is an object or a list, counts as empty.
std::optional<std::string> passed_over_by(const FilterConfig& filter, const Document& document);

}  // namespace broadsheet
