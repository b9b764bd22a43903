#include "core/errors.h"

#include "core/text.h"

namespace broadsheet {
namespace {

std::string join_faults(const std::vector<Fault>& faults) {
  std::string text;
  for (const Fault& fault : faults) text += (text.empty() ? "" : "\n") + to_string(fault);
  return text;
}

}  // namespace

std::string to_string(const Place& place) {
  std::string text = place.file;
  if (place.line > 0) text += cat(":", place.line);
  if (place.line > 0 && place.column > 0) text += cat(":", place.column);
  return text;
}

std::string to_string(const Fault& fault) {
  std::string text = to_string(fault.place);
  if (!text.empty()) text += ": ";
  if (!fault.key.empty()) text += fault.key + ": ";
  text += fault.what;
  if (!fault.remedy.empty()) text += "; " + fault.remedy;
  return text;
}

Error::Error(ExitCode exit_code, std::vector<Fault> faults)
    : std::runtime_error(join_faults(faults)), exit_code_(exit_code), faults_(std::move(faults)) {}

UserError::UserError(std::string code, std::string what, std::string remedy)
    : UserError(Fault{std::move(code), {}, "", std::move(what), std::move(remedy)}) {}

RunError::RunError(std::string code, std::string what, std::string remedy)
    : Error(ExitCode::kFailed, {Fault{std::move(code), {}, "", std::move(what), std::move(remedy)}}) {}

InternalError::InternalError(std::string what)
    : Error(ExitCode::kBug, {Fault{"internal",
                                   {},
                                   "",
                                   "internal error: " + std::move(what),
                                   "please report it with the command and its log"}}) {}

void Faults::throw_if_any() const {
  if (!faults_.empty()) throw UserError(faults_);
}

void assertion_failed(const char* condition, const char* file, int line) {
  throw InternalError(cat(file, ":", line, ": ", condition));
}

}  // namespace broadsheet
