// report: a page about each run.
#include "experiments/report.h"

#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"

namespace broadsheet {

int do_report(const Command& command) {
  if (command.has("output") && command.positionals.size() > 1) {
    throw UserError("usage.report", "broadsheet report: --output takes one run", "leave --output out, or name one DIR");
  }
  std::vector<std::string> reports;
  for (const std::string& argument : command.positionals) {
    const std::string folder = absolute_path(argument);
    if (command.has("output")) {
      reports.push_back(absolute_path(command.value("output")));
      write_file_durably(reports.back(), run_report_html(folder));
    } else {
      reports.push_back(write_run_report(folder));
    }
  }
  if (command.json) {
    print_json({{"reports", reports}});
  } else {
    print_text(join(reports, "\n") + "\n");
  }
  return 0;
}

}  // namespace broadsheet
