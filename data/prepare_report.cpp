#include "data/prepare.h"

namespace broadsheet {
namespace {

void add_counts(std::map<std::string, int64_t>& all, const std::map<std::string, int64_t>& more) {
  for (const auto& [name, count] : more) all[name] += count;
}

}  // namespace

nlohmann::json PrepareReport::counts() const {
  nlohmann::json json = {{"read", read},
                         {"kept", kept},
                         {"rejected", rejected},
                         {"duplicates", duplicates},
                         {"rejected_by_reason", rejected_by_reason},
                         {"documents_by_split", documents_by_split},
                         {"tokens", tokens}};
  for (const auto& [field, summary] : lengths) json["lengths"][field] = summary.json();
  // Only where something was asked for: corpora without it keep their bytes.
  if (near_duplicates > 0) json["near_duplicates"] = near_duplicates;
  if (leakage > 0) json["leakage"] = leakage;
  if (!filtered_by_reason.empty()) json["filtered_by_reason"] = filtered_by_reason;
  if (!cleaned_by_step.empty()) json["cleaned_by_step"] = cleaned_by_step;
  if (!deidentified.empty()) json["deidentified"] = deidentified;
  if (!split_points.is_null()) json["split_points"] = split_points;
  if (removed > 0) json["removed"] = removed;
  return json;
}

nlohmann::json PrepareReport::json() const {
  nlohmann::json json = counts();
  json["folder"] = folder;
  json["already_prepared"] = already_prepared;
  if (!added.is_null()) json["added"] = added;
  return json;
}

PrepareReport PrepareReport::from(const nlohmann::json& counts) {
  PrepareReport report;
  report.read = counts.at("read").get<int64_t>();
  report.kept = counts.at("kept").get<int64_t>();
  report.rejected = counts.at("rejected").get<int64_t>();
  report.duplicates = counts.at("duplicates").get<int64_t>();
  report.tokens = counts.at("tokens").get<int64_t>();
  report.rejected_by_reason = counts.at("rejected_by_reason").get<std::map<std::string, int64_t>>();
  report.documents_by_split = counts.at("documents_by_split").get<std::map<std::string, int64_t>>();
  if (counts.contains("lengths"))  // not of a corpus that an earlier version made
    for (const auto& [field, summary] : counts.at("lengths").items())
      report.lengths[field] = LengthSummary::from(summary);
  report.split_points = counts.value("split_points", nlohmann::json());
  report.near_duplicates = counts.value("near_duplicates", int64_t{0});
  report.leakage = counts.value("leakage", int64_t{0});
  report.removed = counts.value("removed", int64_t{0});
  for (const auto& [name, map] :
       {std::pair("filtered_by_reason", &report.filtered_by_reason),
        std::pair("cleaned_by_step", &report.cleaned_by_step), std::pair("deidentified", &report.deidentified)})
    if (counts.contains(name)) *map = counts.at(name).get<std::map<std::string, int64_t>>();
  return report;
}

void PrepareReport::add(const PrepareReport& day) {
  for (const auto count :
       {&PrepareReport::read, &PrepareReport::kept, &PrepareReport::rejected, &PrepareReport::duplicates,
        &PrepareReport::near_duplicates, &PrepareReport::leakage, &PrepareReport::tokens})
    this->*count += day.*count;
  add_counts(rejected_by_reason, day.rejected_by_reason);
  add_counts(documents_by_split, day.documents_by_split);
  add_counts(filtered_by_reason, day.filtered_by_reason);
  add_counts(cleaned_by_step, day.cleaned_by_step);
  add_counts(deidentified, day.deidentified);
  if (!day.split_points.is_null()) split_points = day.split_points;  // those that were there, and new classes' own
}

}  // namespace broadsheet
