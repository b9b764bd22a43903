#include "data/cleaning/deidentify.h"

#include <algorithm>

#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/cleaning/finders.h"

namespace broadsheet {
namespace {

const char* policy_name(DeidentifyPolicy policy) {
  static constexpr const char* kNames[] = {"mask", "placeholder", "pseudonym", "keep"};
  return kNames[static_cast<size_t>(policy)];
}

std::string read_names(const std::string& path) {
  try {
    return read_file(path);
  } catch (const RunError& error) {
    throw UserError(Fault{"corpus.names", {}, "deidentify.name_list", error.what(), "name a file that can be read"});
  }
}

}  // namespace

Deidentifier::Deidentifier(const DeidentifyConfig& config, const std::string& corpus) : fields_(config.fields) {
  policies_.fill(config.policy);
  for (size_t i = 0; i < kIdentifierKinds; ++i) {
    const auto own = config.kinds.find(kIdentifierNames[i]);
    if (own != config.kinds.end()) policies_[i] = own->second;
  }
  if (std::find(policies_.begin(), policies_.end(), DeidentifyPolicy::kPseudonym) != policies_.end())
    key_.emplace(config.key, corpus);
  if (!config.name_list.empty()) {
    const std::string text = read_names(config.name_list);
    names_ = NameList(text, config.name_list);
    names_check_ = sha256_hex(text).substr(0, 4);
  }
}

void Deidentifier::apply(std::string& text, IdentifierCounts& counts) const {
  std::vector<Finding> findings;
  find_identifiers(text, findings);
  if (names_.size() > 0) names_.find(text, findings);
  if (findings.empty()) return;
  // What is to stay hides nothing: "@jo" in a URL that is replaced goes with it.
  std::erase_if(findings, [&](const Finding& finding) {
    return policies_[static_cast<size_t>(finding.kind)] == DeidentifyPolicy::kKeep;
  });
  merge_findings(findings);
  std::string out;
  size_t position = 0;
  for (const Finding& finding : findings) {
    out.append(text, position, finding.begin - position);
    out += replacement(finding.kind, std::string_view(text).substr(finding.begin, finding.end - finding.begin));
    ++counts[static_cast<size_t>(finding.kind)];
    position = finding.end;
  }
  out.append(text, position);
  text = std::move(out);
}

std::string Deidentifier::replacement(IdentifierKind kind, std::string_view text) const {
  const DeidentifyPolicy policy = policies_[static_cast<size_t>(kind)];
  if (policy == DeidentifyPolicy::kMask) return "***";
  std::string name = kIdentifierNames[static_cast<size_t>(kind)];
  for (char& c : name)
    if (finders::is_letter(c)) c = static_cast<char>(c & ~0x20);
  if (policy == DeidentifyPolicy::kPlaceholder) return cat("[", name, "]");
  std::string canonical = canonical_identifier(kind, text);
  if (kind == IdentifierKind::kName)
    if (const std::string_view person = names_.person(text); !person.empty()) canonical = person;
  return cat("[", name, "_", key_->token(kind, canonical), "]");
}

nlohmann::json Deidentifier::configuration() const {
  nlohmann::json policies = nlohmann::json::object();
  for (size_t i = 0; i < kIdentifierKinds; ++i) policies[kIdentifierNames[i]] = policy_name(policies_[i]);
  nlohmann::json json = {{"policies", policies}, {"fields", fields_}};
  if (key_) json["key_fingerprint"] = key_->fingerprint();
  if (names_.size() > 0) json["names"] = {{"count", names_.size()}, {"check", names_check_}};
  return json;
}

std::map<std::string, int64_t> named_counts(const IdentifierCounts& counts) {
  std::map<std::string, int64_t> named;
  for (size_t i = 0; i < kIdentifierKinds; ++i)
    if (counts[i] > 0) named[kIdentifierNames[i]] = counts[i];
  return named;
}

}  // namespace broadsheet
