// De-identification: what identifies persons in a text is masked, or replaced by its kind or by a keyed pseudonym.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "data/cleaning/identifiers.h"
#include "data/cleaning/names.h"
#include "data/cleaning/pseudonyms.h"
#include "data/corpus_config.h"

namespace broadsheet {

// By kind, how many were replaced.
using IdentifierCounts = std::array<int64_t, kIdentifierKinds>;

class Deidentifier {
 public:
  // Reads the key and the list of names. UserError ("corpus.key", "corpus.names").
  Deidentifier(const DeidentifyConfig& config, const std::string& corpus);

  // Replaces in place and counts. A pure function of the text, the configuration, the key and the list. Text that was
  // de-identified already stays as it is.
  //   mask         ***
  //   placeholder  [EMAIL], [PHONE], [CARD], [IBAN], [RESIDENT_ID], [SSN], [IP], [HANDLE], [URL], [NAME]
  //   pseudonym    [EMAIL_k3q2x7ab5wcd]: a person's identifier is the same everywhere under one key
  void apply(std::string& text, IdentifierCounts& counts) const;

  // What the manifest says of it: policies, the key's fingerprint, how many names; nothing of the key or of the names
  // but a check value too short to guess either from.
  nlohmann::json configuration() const;

 private:
  std::string replacement(IdentifierKind kind, std::string_view text) const;

  std::array<DeidentifyPolicy, kIdentifierKinds> policies_;
  std::optional<PseudonymKey> key_;
  NameList names_;
  std::string names_check_;
  std::vector<std::string> fields_;
};

// "email" -> how many; kinds that were not met are left out.
std::map<std::string, int64_t> named_counts(const IdentifierCounts& counts);

}  // namespace broadsheet
