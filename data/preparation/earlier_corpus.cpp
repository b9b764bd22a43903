#include "data/preparation/earlier_corpus.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "data/preparation/seen_file.h"
#include "data/standard_input.h"

namespace broadsheet {
namespace {

constexpr const char* kAnew = "pass --replace instead of --append to make the corpus anew from all of them";

[[noreturn]] void changed_source(const SourceFile& file, const std::string& what) {
  throw UserError("corpus.changed_source",
                  cat(file.path, ": ", what, " than when the corpus was made from it; --append only adds files"),
                  kAnew);
}

struct Source {
  std::string name, sha256;
  int64_t size = 0;
};

std::vector<Source> sources_of(const Manifest& manifest) {
  std::vector<Source> sources;
  for (const nlohmann::json& one : manifest.sources)
    sources.push_back(
        {one.at("name").get<std::string>(), one.at("sha256").get<std::string>(), one.at("size").get<int64_t>()});
  return sources;
}

// The folder, with a slash at its end, below which most of the files have names and sizes of the manifest's; then most
// have names; then the first. Nothing when no file has any.
std::optional<std::string> find_root(const std::vector<SourceFile>& files, const std::vector<Source>& sources) {
  std::multimap<std::string, const Source*> by_last_part;
  for (const Source& source : sources)
    if (source.name != kStandardInput) by_last_part.emplace(file_name(source.name), &source);
  struct Votes {
    int64_t same = 0, named = 0;
    size_t first = 0;
  };
  std::map<std::string, Votes> roots;
  for (size_t i = 0; i < files.size(); ++i) {
    const auto [begin, end] = by_last_part.equal_range(file_name(files[i].path));
    for (auto entry = begin; entry != end; ++entry) {
      const Source& source = *entry->second;
      if (files[i].name == kStandardInput || !ends_with(files[i].path, "/" + source.name)) continue;
      const std::string root = files[i].path.substr(0, files[i].path.size() - source.name.size());
      Votes& votes = roots.emplace(root, Votes{0, 0, i}).first->second;
      ++votes.named;
      if (source.size == files[i].size) ++votes.same;
    }
  }
  const auto weight = [](const Votes& votes) { return std::tuple(votes.same, votes.named, ~votes.first); };
  const auto best = std::max_element(roots.begin(), roots.end(),
                                     [&](const auto& a, const auto& b) { return weight(a.second) < weight(b.second); });
  if (best == roots.end()) return std::nullopt;
  return best->first;
}

// What is piped in has no name to be known by: its bytes must be those of an earlier one.
const Source* find_piped(const SourceFile& file, const std::vector<Source>& sources) {
  std::string sum;
  for (const Source& source : sources) {
    if (source.name != kStandardInput || source.size != file.size) continue;
    if (sum.empty()) sum = sha256_file(file.path);
    if (source.sha256 == sum) return &source;
  }
  return nullptr;
}

// Of the folders `a` and `b`, each with a slash at its end.
std::string shared_folder(const std::string& a, const std::string& b) {
  const auto differ = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  const std::string common(a.begin(), differ);
  return common.substr(0, common.rfind('/') + 1);
}

// Names below the folder that all share, and what the names of the earlier ones get for it.
std::string name_anew(std::vector<SourceFile>& files, const std::optional<std::string>& root) {
  std::optional<std::string> shared = root;
  for (const SourceFile& file : files) {
    if (file.name == kStandardInput) continue;
    const std::string folder = parent_folder(file.path) + "/";
    shared = shared ? shared_folder(*shared, folder) : folder;
  }
  for (SourceFile& file : files)
    if (file.name != kStandardInput) file.name = file.path.substr(shared->size());
  return root && shared ? root->substr(shared->size()) : "";
}

void find_differences(const nlohmann::json& before, const nlohmann::json& now, const std::string& key, Faults& faults) {
  if (before == now) return;
  if (before.is_object() && now.is_object()) {
    std::set<std::string> names;
    for (const nlohmann::json* side : {&before, &now})
      for (const auto& [name, value] : side->items()) names.insert(name);
    for (const std::string& name : names)
      find_differences(before.value(name, nlohmann::json()), now.value(name, nlohmann::json()),
                       key.empty() ? name : key + "." + name, faults);
    return;
  }
  const auto shown = [](const nlohmann::json& value) { return value.is_null() ? "not set" : value.dump(); };
  faults.add({"corpus.changed",
              {},
              key,
              cat("is ", shown(now), "; the corpus that is added to was made with ", shown(before)),
              "set it back, or pass --replace instead of --append to make the corpus anew"});
}

}  // namespace

void EarlierCorpus::Known::check() const {
  if (sha256_file(file.path) != sha256) changed_source(file, "has other bytes");
}

EarlierCorpus EarlierCorpus::open(const std::string& folder, std::vector<SourceFile>& files) {
  EarlierCorpus earlier;
  earlier.folder = folder;
  earlier.manifest = Manifest::load(folder);
  std::vector<Source> sources;
  try {
    earlier.report = PrepareReport::from(earlier.manifest.counts);
    sources = sources_of(earlier.manifest);
  } catch (const nlohmann::json::exception& error) {
    throw UserError("corpus.manifest", cat(folder, "/", kManifestName, ": is damaged (", error.what(), ")"),
                    "prepare the corpus again with --replace");
  }
  const std::optional<std::string> root = find_root(files, sources);
  std::map<std::string, const Source*> by_path;
  if (root)
    for (const Source& source : sources) by_path[*root + source.name] = &source;
  std::vector<SourceFile> fresh;
  for (SourceFile& file : files) {
    const auto found = by_path.find(file.path);
    const Source* source = file.name == kStandardInput ? find_piped(file, sources)
                           : found == by_path.end()    ? nullptr
                                                       : found->second;
    if (source == nullptr) {
      fresh.push_back(std::move(file));
      continue;
    }
    if (source->size != file.size)
      changed_source(file, cat("has ", with_thousands(file.size), " bytes rather than ", with_thousands(source->size)));
    earlier.known.push_back({std::move(file), source->sha256});
  }
  files = std::move(fresh);
  earlier.prefix = name_anew(files, root);
  for (nlohmann::json& source : earlier.manifest.sources)
    if (source.at("name") != kStandardInput) source["name"] = earlier.prefix + source.at("name").get<std::string>();
  return earlier;
}

// Shards know their documents' sources by number where these have weights.
static void check_weights(const nlohmann::json& before, const nlohmann::json& now, Faults& faults) {
  const auto has_weights = [](const nlohmann::json& sources) {
    return !sources.empty() && sources.front().contains("weight");
  };
  const auto same = [](nlohmann::json a, nlohmann::json b) {
    a.erase("weight");
    b.erase("weight");
    return a == b;
  };
  bool kept = has_weights(before) == has_weights(now);
  if (kept && has_weights(now))
    kept = before.size() <= now.size() && std::equal(before.begin(), before.end(), now.begin(), same);
  if (!kept)
    faults.add({"corpus.changed",
                {},
                "sources",
                "have weights, and are not those of the corpus that is added to with new ones behind them",
                "keep the old ones as they were and in their order, or pass --replace instead of --append"});
}

void EarlierCorpus::check_configuration(const Manifest& now) const {
  nlohmann::json before = manifest.configuration, wanted = now.configuration;
  before.erase("sources");
  wanted.erase("sources");
  Faults faults;
  find_differences(before, wanted, "", faults);
  check_weights(manifest.configuration.at("sources"), now.configuration.at("sources"), faults);
  if (manifest.tokenizer_fingerprint != now.tokenizer_fingerprint)
    faults.add({"corpus.changed",
                {},
                "tokenizer",
                "is another one than that of the corpus that is added to",
                "name that one again, or pass --replace instead of --append to make the corpus anew"});
  faults.throw_if_any();
}

std::vector<ChunkPlace> EarlierCorpus::seen(const CleanConfig& clean) const {
  std::vector<ChunkPlace> places;
  if (!remembers(clean)) return places;
  int64_t documents = 0;
  for (const Split split : kAllSplits)
    for (const ManifestShard& shard : manifest.splits.at(split_name(split)).shards) {
      const std::string name = seen_name(shard.file);
      if (manifest.files.count(name) == 0)
        throw UserError("corpus.seen", cat(folder, ": was made before corpora could be added to: it has no ", name),
                        "make it once more with --replace");
      places.push_back({folder + "/" + name, documents, shard.documents, split});
      documents += shard.documents;
    }
  return places;
}

void EarlierCorpus::check_seen(const ChunkPlace& place) const {
  const ManifestFile& listed = manifest.files.at(file_name(place.path));
  std::error_code error;
  const bool same = std::filesystem::file_size(place.path, error) == listed.size && !error &&
                    sha256_file(place.path) == listed.sha256;
  if (!same)
    throw UserError("corpus.seen", cat(place.path, ": is missing, or its bytes have changed"),
                    "copy the corpus again, or make it anew with --replace");
}

std::string EarlierCorpus::rejected() const {
  for (const auto& [name, file] : manifest.files)
    if (starts_with(name, "rejected.") && ends_with(name, ".jsonl")) return name;
  return kRejectedName;
}

void EarlierCorpus::copy_rejects(DurableFile& out) const {
  std::ifstream list(folder + "/" + rejected());
  for (std::string line; std::getline(list, line);) {
    if (!prefix.empty()) {
      nlohmann::json reject = nlohmann::json::parse(line);
      if (reject.at("file") != kStandardInput) reject["file"] = prefix + reject.at("file").get<std::string>();
      line = reject.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    out.write(line + "\n");
  }
}

std::array<int64_t, 3> next_shard_numbers(const Manifest& manifest) {
  std::array<int64_t, 3> next{};
  for (const Split split : kAllSplits)
    for (const ManifestShard& shard : manifest.splits.at(split_name(split)).shards) {
      const size_t begin = shard.file.rfind('-') + 1;
      int64_t number = 0;
      std::from_chars(shard.file.data() + begin, shard.file.data() + shard.file.size(), number);
      int64_t& least = next[static_cast<size_t>(split)];
      least = std::max(least, number + 1);
    }
  return next;
}

}  // namespace broadsheet
