#include <filesystem>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/text.h"
#include "data/field_reader.h"
#include "data/manifest.h"
#include "data/prepare.h"

namespace broadsheet {
namespace {

std::string check_file(const std::string& path, const ManifestFile& listed) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) return cat(path, ": is missing or unreadable (", error.message(), ")");
  if (size != listed.size) return cat(path, ": has ", size, " bytes, its manifest says ", listed.size);
  if (sha256_file(path) != listed.sha256)
    return cat(path, ": its bytes have changed (SHA-256 differs from the manifest)");
  return "";
}

// Reads every id and label once: ShardSet checks what it hands out.
void read_everything(const ShardSet& corpus) {
  for (const Split split : kAllSplits)
    for (const FieldInfo& field : corpus.fields())
      for (int64_t document = 0; document < corpus.size(split); ++document) {
        if (field.kind == FieldKind::kText) corpus.tokens(split, field.name, document);
        if (field.kind == FieldKind::kLabel)
          corpus.label(split, field.name, document);
        else if (has_classes(field.kind))
          corpus.labels(split, field.name, document);
        if (is_string_kind(field.kind)) corpus.string(split, field.name, document);
        if (field.kind == FieldKind::kList) corpus.list(split, field.name, document);
      }
}

}  // namespace

std::vector<std::string> verify_corpus(const std::string& folder) {
  std::vector<std::string> faults;
  try {
    const Manifest manifest = Manifest::load(folder);
    Progress progress("verifying", "files", static_cast<int64_t>(manifest.files.size()));
    for (const auto& [name, listed] : manifest.files) {
      const std::string fault = check_file(folder + "/" + name, listed);
      if (!fault.empty()) faults.push_back(fault);
      progress.add();
    }
    if (faults.empty()) read_everything(*ShardSet::open(folder));
  } catch (const Error& error) {
    faults.push_back(error.what());
  }
  return faults;
}

}  // namespace broadsheet
