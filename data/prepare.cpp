#include "data/prepare.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "data/manifest.h"
#include "data/preparation.h"
#include "data/tokenizers/tokenizer.h"

namespace broadsheet {
namespace {

nlohmann::json counts_json(const PrepareReport& report) {
  nlohmann::json json = report.json();
  json.erase("folder");
  json.erase("already_prepared");
  return json;
}

PrepareReport report_from(const Manifest& manifest, const std::string& folder) {
  PrepareReport report;
  try {
    const nlohmann::json& counts = manifest.counts;
    report.read = counts.at("read").get<int64_t>();
    report.kept = counts.at("kept").get<int64_t>();
    report.rejected = counts.at("rejected").get<int64_t>();
    report.duplicates = counts.at("duplicates").get<int64_t>();
    report.tokens = counts.at("tokens").get<int64_t>();
    report.rejected_by_reason = counts.at("rejected_by_reason").get<std::map<std::string, int64_t>>();
    report.documents_by_split = counts.at("documents_by_split").get<std::map<std::string, int64_t>>();
  } catch (const nlohmann::json::exception& error) {
    throw UserError("corpus.manifest", cat(folder, "/", kManifestName, ": counts are damaged (", error.what(), ")"),
                    "prepare the corpus again with --replace");
  }
  report.folder = folder;
  report.already_prepared = true;
  return report;
}

// The report of the corpus that is there already, if it is the one that is asked for.
std::optional<PrepareReport> existing_corpus(const std::string& folder, const nlohmann::json& configuration,
                                             const nlohmann::json& sources, const std::string& tokenizer,
                                             bool replace) {
  if (!exists(folder)) return std::nullopt;
  if (!std::filesystem::is_directory(folder))
    throw UserError("corpus.exists", cat(folder, ": is a file"), "name another output:");
  if (std::filesystem::is_empty(folder)) return std::nullopt;
  if (!exists(folder + "/" + kManifestName))
    throw UserError("corpus.exists", cat(folder, ": is there already and is not a corpus"),
                    "name another output:, or move it away");
  if (replace) return std::nullopt;
  const Manifest manifest = Manifest::load(folder);
  std::string changed;
  if (manifest.configuration != configuration) changed = "another configuration";
  if (manifest.sources != sources) changed = "other source files";
  if (manifest.tokenizer_fingerprint != tokenizer) changed = "another tokenizer";
  if (!changed.empty())
    throw UserError("corpus.exists", cat(folder, ": is a corpus made from ", changed),
                    "name another output:, or pass --replace to make it anew");
  return report_from(manifest, folder);
}

void copy_tokenizer(const std::string& from, const std::string& folder, Manifest& manifest) {
  std::filesystem::create_directory(folder + "/tokenizer");
  for (const std::string& name : tokenizer_files(from)) {
    const std::string target = "tokenizer/" + name;
    write_file_durably(folder + "/" + target, read_file(from + "/" + name));
    manifest.files[target] = {};
  }
  sync_folder(folder + "/tokenizer");
}

void check_shares(const CorpusConfig& config, const Preparation& preparation, const std::string& folder) {
  const PrepareReport& report = preparation.report;
  if (report.read == 0)
    throw UserError("corpus.empty", "the sources hold no documents", "check sources: files: and format:");
  const double share = static_cast<double>(report.rejected) / static_cast<double>(report.read);
  const std::string kept_list = config.output + "." + kRejectedName;
  if (share > config.max_rejected_share) {
    rename_durably(folder + "/" + kRejectedName, kept_list);
    std::string what = cat(with_thousands(report.rejected), " of ", with_thousands(report.read),
                           " records are unusable (", shortest(std::round(share * 10000) / 100), " %, allowed are ",
                           shortest(config.max_rejected_share * 100), " %):");
    for (const std::string& line : preparation.rejects().first()) what += "\n  " + line;
    throw UserError(
        Fault{"corpus.rejected_share",
              {},
              "max_rejected_share",
              what,
              cat("correct the sources or the fields, or raise max_rejected_share; all of them are in ", kept_list)});
  }
}

void check_splits(const CorpusConfig& config, CorpusWriter& writer) {
  if (writer.documents(Split::kTrain) == 0)
    throw UserError(Fault{
        "corpus.empty_split", {}, "split", "no document is left for the train split", "check split: and the sources"});
  for (const auto& [split, share] :
       {std::pair(Split::kValidation, config.split.validation), std::pair(Split::kTest, config.split.test)})
    if (writer.documents(split) == 0 && (share > 0 || config.split.by == "field"))
      log_warning(cat("the ", split_name(split), " split is empty"));
}

void build(const CorpusConfig& config, const FieldReader& fields, const Tokenizer& tokenizer,
           const std::vector<SourceFile>& files, Manifest& manifest, const std::string& folder, PrepareReport& report) {
  Preparation preparation(config, fields, tokenizer, files, folder);
  preparation.run();
  check_unchanged(files);
  check_shares(config, preparation, folder);
  check_splits(config, preparation.writer());
  preparation.writer().finish(manifest);
  report = preparation.report;
  report.tokens = preparation.writer().total_tokens();
  for (const auto& [name, part] : manifest.splits) report.documents_by_split[name] = part.documents;
  copy_tokenizer(config.tokenizer, folder, manifest);
  manifest.files[kRejectedName] = {};
  for (auto& [name, entry] : manifest.files)
    entry = {std::filesystem::file_size(folder + "/" + name), sha256_file(folder + "/" + name)};
  manifest.counts = counts_json(report);
  write_file_durably(folder + "/" + kManifestName, manifest.dump());
}

}  // namespace

nlohmann::json PrepareReport::json() const {
  return {{"read", read},
          {"kept", kept},
          {"rejected", rejected},
          {"duplicates", duplicates},
          {"rejected_by_reason", rejected_by_reason},
          {"documents_by_split", documents_by_split},
          {"tokens", tokens},
          {"folder", folder},
          {"already_prepared", already_prepared}};
}

std::vector<std::string> corpus_sources(const CorpusConfig& config) {
  const FieldReader fields(config);
  std::vector<std::string> paths;
  for (const SourceFile& file : list_sources(config)) paths.push_back(file.path);
  return paths;
}

PrepareReport prepare_corpus(const CorpusConfig& config, bool replace) {
  if (config.output.empty()) throw UserError("corpus.output", "output: is not set", "name the corpus's folder");
  const FieldReader fields(config);
  const std::vector<SourceFile> files = list_sources(config);
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(config.tokenizer);

  Manifest manifest;
  manifest.name = config.name;
  manifest.tokenizer_fingerprint = tokenizer->fingerprint();
  manifest.vocab_size = tokenizer->vocab_size();
  manifest.configuration = corpus_configuration(config);
  manifest.sources = describe_sources(files);

  const std::string output = absolute_path(config.output);
  make_folders(parent_folder(output));
  const std::string beside = cat(parent_folder(output), "/.", file_name(output));
  const FolderLock lock = FolderLock::acquire(beside + ".lock");
  if (auto report =
          existing_corpus(output, manifest.configuration, manifest.sources, manifest.tokenizer_fingerprint, replace))
    return *report;

  const std::string folder = beside + ".preparing";  // what a killed run left there is in the way of nobody
  remove_folder_durably(folder);
  make_folders(folder);
  PrepareReport report;
  try {
    build(config, fields, *tokenizer, files, manifest, folder, report);
    sync_folder(folder);
  } catch (...) {
    remove_folder_durably(folder);
    throw;
  }
  if (exists(output)) remove_folder_durably(output);
  rename_durably(folder, output);
  std::filesystem::remove(output + "." + kRejectedName);
  report.folder = output;
  return report;
}

}  // namespace broadsheet
