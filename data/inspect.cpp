#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <unordered_map>

#include "core/errors.h"
#include "core/random.h"
#include "core/text.h"
#include "data/field_reader.h"
#include "data/lengths.h"
#include "data/manifest.h"
#include "data/prepare.h"
#include "data/shards.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {
namespace {

constexpr size_t kShownChars = 300;

nlohmann::json length_summary(const LengthCounts& lengths) {
  if (lengths.documents() == 0) return {{"total", 0}};
  return {{"total", lengths.tokens()},
          {"mean", static_cast<double>(lengths.tokens()) / static_cast<double>(lengths.documents())},
          {"min", lengths.quantile(0)},
          {"p50", lengths.quantile(0.5)},
          {"p90", lengths.quantile(0.9)},
          {"p95", lengths.quantile(0.95)},
          {"p99", lengths.quantile(0.99)},
          {"max", lengths.quantile(1)}};
}

// With the tokens that each max_length leaves out.
nlohmann::json text_lengths(const ShardSet& corpus, Split split, const std::string& field) {
  const LengthCounts lengths = lengths_of(corpus, split, field);
  nlohmann::json json = length_summary(lengths);
  if (lengths.documents() == 0) return json;
  for (const auto& [max_length, tokens] : lengths.left_out()) json["left_out"][std::to_string(max_length)] = tokens;
  return json;
}

nlohmann::json number_summary(const ShardSet& corpus, Split split, const std::string& field) {
  double low = INFINITY, high = -INFINITY, sum = 0;
  int64_t count = 0;
  for (int64_t document = 0; document < corpus.size(split); ++document) {
    const double number = corpus.number(split, field, document);
    if (std::isnan(number)) continue;
    low = std::min(low, number);
    high = std::max(high, number);
    sum += number;
    ++count;
  }
  nlohmann::json json = {{"values", count}, {"missing", corpus.size(split) - count}};
  if (count > 0) json.update({{"min", low}, {"mean", sum / static_cast<double>(count)}, {"max", high}});
  return json;
}

std::vector<int32_t> labels_of(const ShardSet& corpus, Split split, const FieldInfo& field, int64_t document) {
  if (field.kind != FieldKind::kLabel) return corpus.labels(split, field.name, document);
  const int32_t label = corpus.label(split, field.name, document);
  return label == kNoClass ? std::vector<int32_t>() : std::vector<int32_t>{label};
}

// By class, how many times; and how many documents have none.
nlohmann::json label_counts(const ShardSet& corpus, Split split, const FieldInfo& field) {
  std::vector<int64_t> counts(field.classes.size(), 0);
  int64_t missing = 0;
  for (int64_t document = 0; document < corpus.size(split); ++document) {
    const std::vector<int32_t> labels = labels_of(corpus, split, field, document);
    for (const int32_t label : labels) ++counts[static_cast<size_t>(label)];
    missing += labels.empty() ? 1 : 0;
  }
  nlohmann::json json = nlohmann::json::object();
  for (size_t i = 0; i < counts.size(); ++i) json[field.classes[i]] = counts[i];
  if (missing > 0) json["(missing)"] = missing;
  return json;
}

uint64_t hash_of(TokenIds ids) {
  uint64_t hash = ids.size();
  for (const int32_t id : ids) hash = mix(hash, static_cast<uint64_t>(id));
  return hash;
}

uint64_t hash_of(const std::string& text) {
  uint64_t hash = text.size();
  for (const char c : text) hash = mix(hash, static_cast<uint8_t>(c));
  return hash;
}

// How many documents of one split have a key that another split has, too. `key` may answer 0 for "none".
template <class Key>
nlohmann::json shared_between_splits(const ShardSet& corpus, Key key) {
  std::unordered_map<uint64_t, uint8_t> splits_of;
  for (const Split split : kAllSplits)
    for (int64_t document = 0; document < corpus.size(split); ++document)
      if (const uint64_t k = key(split, document)) splits_of[k] |= static_cast<uint8_t>(1u << static_cast<int>(split));
  nlohmann::json json = nlohmann::json::object();
  for (size_t a = 0; a < kAllSplits.size(); ++a)
    for (size_t b = a + 1; b < kAllSplits.size(); ++b) {
      const unsigned both = (1u << a) | (1u << b);
      json[cat(split_name(kAllSplits[a]), "/", split_name(kAllSplits[b]))] = static_cast<int64_t>(std::count_if(
          splits_of.begin(), splits_of.end(), [&](const auto& entry) { return (entry.second & both) == both; }));
    }
  return json;
}

nlohmann::json leakage(const ShardSet& corpus) {
  std::vector<std::string> texts;
  nlohmann::json json = {{"equal_texts", nlohmann::json::object()}, {"groups", nlohmann::json::object()}};
  for (const FieldInfo& field : corpus.fields()) {
    if (field.kind == FieldKind::kText) texts.push_back(field.name);
    if (field.kind == FieldKind::kGroup)
      json["groups"][field.name] = shared_between_splits(corpus, [&](Split split, int64_t document) {
        const std::string group = corpus.string(split, field.name, document);
        return group.empty() ? uint64_t{0} : hash_of(group);
      });
  }
  json["equal_texts"] = shared_between_splits(corpus, [&](Split split, int64_t document) {
    uint64_t hash = 0;
    for (const std::string& text : texts) hash = mix(hash, hash_of(corpus.tokens(split, text, document)));
    return hash;
  });
  return json;
}

std::string shorten(const std::string& text) {
  if (text.size() <= kShownChars) return text;
  size_t end = kShownChars;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

nlohmann::json sample(const ShardSet& corpus, const Tokenizer* tokenizer, Split split, int64_t document) {
  nlohmann::json json = nlohmann::json::object();
  for (const FieldInfo& field : corpus.fields()) {
    if (field.kind == FieldKind::kText) {
      const auto ids = corpus.tokens(split, field.name, document);
      if (tokenizer)
        json[field.name] = shorten(tokenizer->decode({ids.begin(), ids.end()}));
      else
        json[field.name] =
            std::vector<int32_t>(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(std::min<size_t>(ids.size(), 32)));
    } else if (field.kind == FieldKind::kLabel) {
      const int32_t label = corpus.label(split, field.name, document);
      json[field.name] =
          label == kNoClass ? nlohmann::json() : nlohmann::json(field.classes[static_cast<size_t>(label)]);
    } else if (has_classes(field.kind)) {
      json[field.name] = nlohmann::json::array();
      for (const int32_t label : corpus.labels(split, field.name, document))
        json[field.name].push_back(field.classes[static_cast<size_t>(label)]);
    } else if (field.kind == FieldKind::kList) {
      json[field.name] = corpus.list(split, field.name, document);
    } else if (is_number_kind(field.kind)) {
      const double number = corpus.number(split, field.name, document);
      json[field.name] = std::isnan(number) ? nlohmann::json() : nlohmann::json(number);
    } else {
      json[field.name] = corpus.string(split, field.name, document);
    }
  }
  return json;
}

nlohmann::json inspect_split(const ShardSet& corpus, const Tokenizer* tokenizer, Split split, int samples) {
  nlohmann::json json = {{"documents", corpus.size(split)}};
  for (const FieldInfo& field : corpus.fields()) {
    if (field.kind == FieldKind::kText) json["tokens"][field.name] = text_lengths(corpus, split, field.name);
    if (field.kind == FieldKind::kList) {
      LengthCounts lengths;
      for (int64_t document = 0; document < corpus.size(split); ++document)
        lengths.add(static_cast<int64_t>(corpus.list(split, field.name, document).size()));
      json["items"][field.name] = length_summary(lengths);
    }
    if (has_classes(field.kind)) json["labels"][field.name] = label_counts(corpus, split, field);
    if (is_number_kind(field.kind)) json["numbers"][field.name] = number_summary(corpus, split, field.name);
  }
  json["samples"] = nlohmann::json::array();
  const int64_t count = std::min<int64_t>(std::max(samples, 0), corpus.size(split));
  for (int64_t i = 0; i < count; ++i)
    json["samples"].push_back(sample(corpus, tokenizer, split, i * corpus.size(split) / count));
  return json;
}

}  // namespace

nlohmann::json inspect_corpus(const std::string& folder, int samples) {
  const auto corpus = ShardSet::open(folder);
  const Manifest manifest = Manifest::load(folder);
  std::unique_ptr<Tokenizer> tokenizer;
  if (samples > 0) {
    tokenizer = load_tokenizer(folder + "/tokenizer");
    if (tokenizer->fingerprint() != corpus->tokenizer_fingerprint()) tokenizer.reset();
  }
  nlohmann::json fields = nlohmann::json::array();
  for (const FieldInfo& field : corpus->fields()) {
    fields.push_back({{"name", field.name}, {"kind", kind_name(field.kind)}});
    if (has_classes(field.kind)) fields.back()["classes"] = field.classes;
  }
  nlohmann::json json = {{"schema", 1},
                         {"name", corpus->name()},
                         {"folder", folder},
                         {"fingerprint", corpus->fingerprint()},
                         {"tokenizer_fingerprint", corpus->tokenizer_fingerprint()},
                         {"fields", fields},
                         {"counts", manifest.counts},
                         {"leakage", leakage(*corpus)}};
  for (const Split split : kAllSplits)
    json["splits"][split_name(split)] = inspect_split(*corpus, tokenizer.get(), split, samples);
  return json;
}

}  // namespace broadsheet
