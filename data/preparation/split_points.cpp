#include "data/preparation/split_points.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace broadsheet {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

int64_t share_of(double share, size_t documents) {
  return std::llround(share * static_cast<double>(documents));
}

}  // namespace

SplitPoints::SplitPoints(const SplitConfig& config, size_t field, std::vector<std::string> classes,
                         const nlohmann::json& frozen)
    : config_(config), field_(field), classes_(std::move(classes)) {
  const auto number = [](const nlohmann::json& value) { return value.is_null() ? kNever : value.get<double>(); };
  for (const auto& [name, points] : frozen.items()) points_[name] = {number(points.at(0)), number(points.at(1))};
}

std::string SplitPoints::stratum(const ChunkView& chunk, size_t document) const {
  if (config_.by == "time") return "";
  const ChunkView::Column& column = chunk.columns[field_];
  const std::vector<std::string>& names = classes_.empty() ? column.classes : classes_;
  const int32_t label = column.labels[document];
  return label < 0 ? "" : names.at(static_cast<size_t>(label));
}

double SplitPoints::place(const ChunkView& chunk, size_t document) const {
  return config_.by == "time" ? chunk.columns[field_].numbers[document] : chunk.draws[document];
}

void SplitPoints::count(const ChunkView& chunk, size_t document) {
  const double where = place(chunk, document);
  if (!std::isfinite(where)) return;
  const std::string name = stratum(chunk, document);
  if (points_.count(name) == 0) places_[name].push_back(where);
}

void SplitPoints::settle() {
  for (auto& [name, places] : places_) {
    const int64_t test = share_of(config_.test, places.size());
    const int64_t held =
        std::min<int64_t>(test + share_of(config_.validation, places.size()), static_cast<int64_t>(places.size()));
    const auto point = [&, &all = places](int64_t after) {
      if (after == 0) return kNever;
      const auto at = all.end() - after;
      std::nth_element(all.begin(), at, all.end());
      return *at;
    };
    points_[name] = {point(held), point(test)};
    places = {};
  }
}

Split SplitPoints::split_of(const ChunkView& chunk, size_t document) const {
  const double where = place(chunk, document);
  const auto points = points_.find(stratum(chunk, document));
  if (!std::isfinite(where) || points == points_.end()) return Split::kTrain;
  if (where >= points->second.test) return Split::kTest;
  return where >= points->second.validation ? Split::kValidation : Split::kTrain;
}

nlohmann::json SplitPoints::json() const {
  const auto number = [](double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(); };
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, points] : points_) json[name] = {number(points.validation), number(points.test)};
  return json;
}

}  // namespace broadsheet
