#include "data/lengths.h"

#include <algorithm>
#include <string>

#include "data/batch.h"

namespace broadsheet {
namespace {

int64_t budget_of(int64_t max_length) {
  PackSpec spec;
  spec.max_length = max_length;
  return text_budget(spec);
}

}  // namespace

void LengthCounts::add(int64_t length, int64_t documents) {
  counts_[length] += documents;
  documents_ += documents;
  tokens_ += length * documents;
}

void LengthCounts::add(const LengthCounts& other) {
  for (const auto& [length, documents] : other.counts_) add(length, documents);
}

LengthCounts LengthCounts::between(std::span<const int64_t> offsets) {
  LengthCounts lengths;
  for (size_t i = 1; i < offsets.size(); ++i) lengths.add(offsets[i] - offsets[i - 1]);
  return lengths;
}

LengthCounts lengths_of(const ShardSet& corpus, Split split, const std::string& field) {
  LengthCounts lengths;
  for (int64_t document = 0; document < corpus.size(split); ++document)
    lengths.add(corpus.token_count(split, field, document));
  return lengths;
}

std::map<std::string, LengthCounts> lengths_of(const ShardSet& corpus) {
  std::map<std::string, LengthCounts> lengths;
  for (const FieldInfo& field : corpus.fields())
    for (const Split split : kAllSplits)
      if (field.kind == FieldKind::kText) lengths[field.name].add(lengths_of(corpus, split, field.name));
  return lengths;
}

std::vector<std::pair<int64_t, int64_t>> LengthCounts::sorted() const {
  std::vector<std::pair<int64_t, int64_t>> all(counts_.begin(), counts_.end());
  std::sort(all.begin(), all.end());
  return all;
}

int64_t LengthCounts::quantile(double part) const {
  if (documents_ == 0) return 0;
  auto left = static_cast<int64_t>(part * static_cast<double>(documents_ - 1));
  for (const auto& [length, documents] : sorted()) {
    if (left < documents) return length;
    left -= documents;
  }
  return 0;  // not reached: the documents add up
}

CutShare LengthCounts::cut(int64_t tokens) const {
  CutShare all;
  all.documents = documents_;
  all.tokens = tokens_;
  for (const auto& [length, documents] : counts_) {
    if (length <= tokens) continue;
    all.cut_documents += documents;
    all.cut_tokens += (length - tokens) * documents;
  }
  return all;
}

std::map<int64_t, int64_t> LengthCounts::left_out() const {
  std::map<int64_t, int64_t> tokens;
  for (const int64_t max_length : kReportedMaxLengths) tokens[max_length] = cut(budget_of(max_length)).cut_tokens;
  return tokens;
}

nlohmann::json LengthCounts::json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [length, documents] : sorted()) list.push_back({length, documents});
  return list;
}

LengthCounts LengthCounts::from(const nlohmann::json& json) {
  LengthCounts counts;
  for (const nlohmann::json& entry : json) counts.add(entry.at(0).get<int64_t>(), entry.at(1).get<int64_t>());
  return counts;
}

LengthSummary LengthSummary::of(const LengthCounts& counts) {
  return {counts.documents(), counts.tokens(), counts.quantile(0.5), counts.quantile(1), counts.left_out()};
}

double LengthSummary::share_left_out(int64_t max_length) const {
  return tokens > 0 ? static_cast<double>(left_out.at(max_length)) / static_cast<double>(tokens) : 0;
}

nlohmann::json LengthSummary::json() const {
  nlohmann::json left_out_json = nlohmann::json::object();
  for (const auto& [max_length, count] : left_out) left_out_json[std::to_string(max_length)] = count;
  return {{"documents", documents},
          {"tokens", tokens},
          {"median", median},
          {"longest", longest},
          {"left_out", left_out_json}};
}

LengthSummary LengthSummary::from(const nlohmann::json& json) {
  LengthSummary summary;
  summary.documents = json.at("documents").get<int64_t>();
  summary.tokens = json.at("tokens").get<int64_t>();
  summary.median = json.at("median").get<int64_t>();
  summary.longest = json.at("longest").get<int64_t>();
  for (const int64_t max_length : kReportedMaxLengths)
    summary.left_out[max_length] = json.at("left_out").at(std::to_string(max_length)).get<int64_t>();
  return summary;
}

}  // namespace broadsheet
