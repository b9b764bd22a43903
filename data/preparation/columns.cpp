#include "data/preparation/columns.h"

#include <algorithm>

#include "core/text.h"
#include "data/row_filter.h"

namespace broadsheet {
namespace {

constexpr size_t kMostNames = 200, kShownBytes = 1000;

std::string filter_key(const CorpusConfig& config, const SourceConfig& source, const std::string& key) {
  return cat("sources[", &source - config.sources.data(), "].filter.", key);
}

std::string remedy_for(const std::string& column, const std::vector<std::string>& columns) {
  const std::string near = nearest(column, columns);
  return near.empty() ? "name one of them" : cat("did you mean '", near, "'?");
}

}  // namespace

void check_columns(const CorpusConfig& config, const FieldReader& fields, const std::vector<std::string>& columns,
                   const SourceFile& file) {
  if (columns.empty()) return;
  Faults faults;
  const auto check = [&](const std::string& column, const std::string& key) {
    if (std::find(columns.begin(), columns.end(), column) != columns.end()) return;
    faults.add({"corpus.no_column",
                {},
                key,
                cat(file.path, ": has no column '", column, "'; it has ", join(columns, ", ")),
                remedy_for(column, columns)});
  };
  for (const FieldReader::Field& field : fields.fields()) {
    if (field.config.optional) continue;
    for (const std::string& column : field.columns)
      check(column, cat("fields.", field.name, field.form ? ".template" : ".from"));
  }
  for (const auto& [column, key] : filter_columns(file.source->filter))
    check(column, filter_key(config, *file.source, key));
  faults.throw_if_any();
}

SeenColumns::SeenColumns(const FilterConfig& filter, const std::vector<std::string>& columns) {
  for (const auto& [column, key] : filter_columns(filter)) missing_.insert(column);
  if (missing_.empty() || columns.empty()) return;
  names_.insert(columns.begin(), columns.end());
  missing_.clear();  // check_columns() has found them
}

void SeenColumns::add(const Document& document) {
  if (missing_.empty()) return;
  const auto see = [&](const std::string& name) {
    if (missing_.erase(name) > 0 || names_.size() < kMostNames) names_.insert(name);
  };
  for (const auto& [name, value] : document.values) see(name);
  for (const std::string& name : document.nested) see(name);
}

void check_filter(const CorpusConfig& config, const std::vector<SourceFile>& files, const SourceConfig& source,
                  const std::set<std::string>& seen, Faults& faults) {
  if (seen.empty()) return;
  const std::vector<std::string> columns(seen.begin(), seen.end());
  for (const auto& [column, key] : filter_columns(source.filter)) {
    if (seen.count(column) > 0) continue;
    faults.add({"corpus.no_column",
                {},
                filter_key(config, source, key),
                cat(name_files(files, &source), ": no record has a value for '", column, "'; those seen are ",
                    printable(join(columns, ", "), kShownBytes)),
                remedy_for(column, columns)});
  }
}

}  // namespace broadsheet
