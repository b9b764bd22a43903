// check and schema: what can be said about a file without computing.
#include "core/errors.h"
#include "core/text.h"
#include "experiments/check.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"

namespace broadsheet {

int do_check(const Command& command) {
  const CheckReport report = check_file(command.positionals[0], command.sets);
  if (command.json) {
    print_json(report.json);
  } else {
    print_text(report.text);
  }
  return 0;
}

int do_schema(const Command& command) {
  const std::string& kind = command.positionals[0];
  if (kind != "run" && kind != "corpus" && kind != "sweep") {
    throw UserError("usage.kind", cat("broadsheet schema: ", kind, " is no kind of file"),
                    "wanted run, corpus or sweep");
  }
  print_json(json_schema(kind));
  return 0;
}

}  // namespace broadsheet
