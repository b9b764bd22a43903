#include "data/manifest.h"

#include <algorithm>
#include <set>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/field_reader.h"
#include "data/mixture.h"
#include "data/shard_file.h"

namespace broadsheet {
namespace {

constexpr const char* kFormatName = "broadsheet corpus";
constexpr uint64_t kMaxManifestBytes = uint64_t{256} << 20;
constexpr int64_t kMaxCount = int64_t{1} << 48;

// Throws nlohmann's exceptions or std::runtime_error; load() turns both into a UserError.
[[noreturn]] void wrong(const std::string& what) {
  throw std::runtime_error(what);
}

int64_t count_at(const nlohmann::json& json, const char* key) {
  const nlohmann::json& value = json.at(key);
  if (!value.is_number_integer()) wrong(cat(key, " is not a whole number"));
  const int64_t count = value.get<int64_t>();
  if (count < 0 || count > kMaxCount) wrong(cat(key, " is ", count));
  return count;
}

void check_name(const std::string& name) {
  if (name.empty() || name[0] == '/' || name.find('\0') != std::string::npos) wrong("a file's name is not relative");
  for (const std::string& part : split(name, '/'))
    if (part.empty() || part == "." || part == "..") wrong(cat("file '", name, "' lies outside the corpus"));
}

nlohmann::json field_json(const FieldInfo& field) {
  nlohmann::json json = {{"name", field.name}, {"kind", kind_name(field.kind)}};
  if (has_classes(field.kind)) json["classes"] = field.classes;
  return json;
}

FieldInfo read_field(const nlohmann::json& json) {
  FieldInfo field;
  field.name = json.at("name").get<std::string>();
  field.kind = kind_from_name(json.at("kind").get<std::string>());
  if (field.name.empty() || field.name.find_first_of("/.") != std::string::npos) wrong("a field's name is unusable");
  if (has_classes(field.kind)) field.classes = json.at("classes").get<std::vector<std::string>>();
  return field;
}

nlohmann::json runs_json(const std::vector<SourceRun>& runs) {
  nlohmann::json json = nlohmann::json::array();
  for (const SourceRun& run : runs) json.push_back({run.source, run.documents});
  return json;
}

nlohmann::json shard_json(const ManifestShard& shard) {
  nlohmann::json datasets = nlohmann::json::object();
  for (const auto& [name, place] : shard.layout.datasets)
    datasets[name] = {{"offset", place.offset}, {"count", place.count}, {"width", place.width}};
  nlohmann::json json = {{"file", shard.file},
                         {"documents", shard.documents},
                         {"structure", shard.layout.structure},
                         {"datasets", datasets}};
  if (!shard.sources.empty()) json["sources"] = runs_json(shard.sources);
  return json;
}

// Of a shard, where the sources have weights.
std::vector<SourceRun> read_runs(const nlohmann::json& json, size_t sources, int64_t documents) {
  std::vector<SourceRun> runs;
  int64_t sum = 0;
  for (const nlohmann::json& pair : json.at("sources")) {
    const SourceRun run{pair.at(0).get<int64_t>(), pair.at(1).get<int64_t>()};
    if (run.source < 0 || run.source >= static_cast<int64_t>(sources) || run.documents < 1 ||
        run.documents > documents - sum)
      wrong("the sources of a shard do not fit it");
    sum += run.documents;
    runs.push_back(run);
  }
  if (sum != documents) wrong("the sources of a shard do not add up");
  return runs;
}

// All sources have a weight, or none.
std::vector<int64_t> read_weights(const nlohmann::json& configuration) {
  std::vector<double> weights;
  const nlohmann::json sources = configuration.value("sources", nlohmann::json::array());
  for (const nlohmann::json& source : sources)
    if (source.contains("weight")) weights.push_back(source.at("weight").get<double>());
  if (weights.empty()) return {};
  std::vector<int64_t> whole = whole_weights(weights);
  if (weights.size() != sources.size() || whole.empty()) wrong("the weights of the sources are unusable");
  return whole;
}

ManifestShard read_shard(const nlohmann::json& json) {
  ManifestShard shard;
  shard.file = json.at("file").get<std::string>();
  shard.documents = count_at(json, "documents");
  shard.layout.structure = json.at("structure").get<std::string>();
  for (const auto& [name, place] : json.at("datasets").items())
    shard.layout.datasets[name] = {static_cast<uint64_t>(count_at(place, "offset")),
                                   static_cast<uint64_t>(count_at(place, "count")),
                                   static_cast<uint64_t>(count_at(place, "width"))};
  return shard;
}

nlohmann::json split_json(const ManifestSplit& part) {
  nlohmann::json shards = nlohmann::json::array();
  for (const ManifestShard& shard : part.shards) shards.push_back(shard_json(shard));
  return {{"documents", part.documents}, {"tokens", part.tokens}, {"shards", shards}};
}

ManifestSplit read_split(const nlohmann::json& json, const Manifest& manifest) {
  ManifestSplit part;
  part.documents = count_at(json, "documents");
  for (const auto& [field, tokens] : json.at("tokens").items())
    part.tokens[field] = count_at(json.at("tokens"), field.c_str());
  int64_t documents = 0;
  for (const nlohmann::json& shard : json.at("shards")) {
    part.shards.push_back(read_shard(shard));
    if (!manifest.weights.empty())
      part.shards.back().sources = read_runs(shard, manifest.weights.size(), part.shards.back().documents);
    documents += part.shards.back().documents;
    if (manifest.files.count(part.shards.back().file) == 0)
      wrong(cat("shard ", part.shards.back().file, " is not in files"));
  }
  if (documents != part.documents) wrong("the documents of the shards do not add up");
  return part;
}

void parse(Manifest& manifest, const std::string& text, const std::string& path) {
  const nlohmann::json json = nlohmann::json::parse(text);
  if (json.at("format") != kFormatName) wrong("is not the manifest of a corpus");
  if (const int64_t version = count_at(json, "version"); version < 1 || version > kCorpusFormatVersion)
    throw UserError("corpus.version",
                    cat(path, ": format version ", version, ", this program reads 1 to ", kCorpusFormatVersion),
                    "read it with the program that made it, or prepare the corpus again");
  manifest.name = json.at("name").get<std::string>();
  manifest.tokenizer_fingerprint = json.at("tokenizer").at("fingerprint").get<std::string>();
  const int64_t vocab_size = count_at(json.at("tokenizer"), "vocab_size");
  if (vocab_size < 1 || vocab_size > INT32_MAX) wrong("vocab_size is unusable");
  manifest.vocab_size = static_cast<int32_t>(vocab_size);
  std::set<std::string> names;
  for (const nlohmann::json& field : json.at("fields")) {
    manifest.fields.push_back(read_field(field));
    if (!names.insert(manifest.fields.back().name).second) wrong("a field is named twice");
  }
  for (const auto& [name, file] : json.at("files").items()) {
    check_name(name);
    manifest.files[name] = {static_cast<uint64_t>(count_at(file, "size")), file.at("sha256").get<std::string>()};
  }
  manifest.configuration = json.at("configuration");
  manifest.weights = read_weights(manifest.configuration);
  for (const char* name : {"train", "validation", "test"})
    manifest.splits[name] = read_split(json.at("splits").at(name), manifest);
  manifest.counts = json.at("counts");
  manifest.sources = json.at("sources");
}

}  // namespace

FieldKind kind_from_name(const std::string& name) {
  for (int kind = 0; kind <= static_cast<int>(FieldKind::kList); ++kind)
    if (name == kind_name(static_cast<FieldKind>(kind))) return static_cast<FieldKind>(kind);
  throw UserError("corpus.kind", cat("'", name, "' is not a kind of field"), "see docs/corpus_format.md");
}

std::string Manifest::dump() const {
  nlohmann::json fields_json = nlohmann::json::array(), splits_json, files_json = nlohmann::json::object();
  for (const FieldInfo& field : fields) fields_json.push_back(field_json(field));
  for (const auto& [split_key, part] : splits) splits_json[split_key] = split_json(part);
  for (const auto& [file, entry] : files) files_json[file] = {{"size", entry.size}, {"sha256", entry.sha256}};
  const nlohmann::json json = {{"format", kFormatName},
                               {"version", kCorpusFormatVersion},
                               {"name", name},
                               {"tokenizer", {{"fingerprint", tokenizer_fingerprint}, {"vocab_size", vocab_size}}},
                               {"fields", fields_json},
                               {"splits", splits_json},
                               {"counts", counts},
                               {"sources", sources},
                               {"configuration", configuration},
                               {"files", files_json}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Manifest Manifest::load(const std::string& folder) {
  const std::string path = folder + "/" + kManifestName;
  if (!exists(path))
    throw UserError("corpus.missing", cat(folder, ": is not a corpus (it has no ", kManifestName, ")"),
                    "make one with: broadsheet prepare corpus.yaml");
  const std::string text = read_file(path, kMaxManifestBytes);
  Manifest manifest;
  try {
    parse(manifest, text, path);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw UserError("corpus.manifest", cat(path, ": damaged or not a manifest (", error.what(), ")"),
                    "copy the corpus again, or prepare it again");
  }
  manifest.fingerprint = sha256_hex(text);
  return manifest;
}

// What is as it was before there was a choice is not named: a corpus made then is still the same.
static nlohmann::json source_json(const SourceConfig& source) {
  nlohmann::json json = {{"format", source.format},
                         {"header", source.header},
                         {"columns", source.columns},
                         {"licence", source.licence},
                         {"origin", source.origin}};
  if (source.encoding != SourceConfig{}.encoding) json["encoding"] = source.encoding;
  if (source.boilerplate) json["boilerplate"] = true;
  if (source.weight) json["weight"] = *source.weight;
  if (!source.filter.keep.empty()) json["filter"]["keep"] = source.filter.keep;
  if (!source.filter.not_empty.empty()) json["filter"]["not_empty"] = source.filter.not_empty;
  return json;
}

static nlohmann::json clean_json(const CleanConfig& clean) {
  nlohmann::json json = {{"exact_duplicates", clean.exact_duplicates}};
  const CleanConfig usual;
  if (clean.near_duplicates != usual.near_duplicates) json["near_duplicates"] = clean.near_duplicates;
  if (clean.unicode != usual.unicode) json["unicode"] = clean.unicode;
  if (clean.markup != usual.markup) json["markup"] = clean.markup;
  if (clean.whitespace != usual.whitespace) json["whitespace"] = clean.whitespace;
  if (clean.repeated_lines != usual.repeated_lines) json["repeated_lines"] = clean.repeated_lines;
  if (clean.min_words != usual.min_words) json["min_words"] = clean.min_words;
  if (clean.max_words != usual.max_words) json["max_words"] = clean.max_words;
  if (clean.quality != usual.quality)
    json["quality"] = clean.quality.size() == 1 ? nlohmann::json(clean.quality[0]) : nlohmann::json(clean.quality);
  if (clean.languages != usual.languages) json["languages"] = clean.languages;
  if (clean.leakage != usual.leakage) json["leakage"] = clean.leakage;
  return json;
}

nlohmann::json corpus_configuration(const CorpusConfig& config) {
  nlohmann::json fields = nlohmann::json::object(), sources = nlohmann::json::array();
  for (const auto& [name, field] : config.fields) {
    nlohmann::json bins = nlohmann::json::object();
    for (const auto& [bin, range] : field.bins) bins[bin] = {range.first, range.second};
    fields[name] = {
        {"from", field.from}, {"kind", kind_name(field.kind)}, {"pattern", field.pattern}, {"values", field.values},
        {"bins", bins},       {"optional", field.optional}};
    if (!field.text_template.empty()) fields[name]["template"] = field.text_template;
    if (!field.separator.empty()) fields[name]["separator"] = field.separator;
  }
  for (const SourceConfig& source : config.sources) sources.push_back(source_json(source));
  return {{"name", config.name},
          {"sources", sources},
          {"fields", fields},
          {"split",
           {{"by", config.split.by},
            {"field", config.split.field},
            {"validation", config.split.validation},
            {"test", config.split.test},
            {"seed", config.split.seed}}},
          {"clean", clean_json(config.clean)},
          {"max_rejected_share", config.max_rejected_share},
          {"shard_tokens", config.shard_tokens}};
}

}  // namespace broadsheet
