// report: a page about each run.
#include "experiments/report.h"

#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"
#include "experiments/sweep/sweep_directory.h"
#include "experiments/sweep/sweep_results.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/output.h"

namespace broadsheet {

namespace {

// What a sweep has found, as data: its trials, the best of them.
int print_sweeps(const Command& command) {
  if (command.positionals.size() > 1)
    throw UserError("usage.report", "broadsheet report: --json and --csv take one sweep", "name one DIR");
  const SweepView view = read_sweep_view(absolute_path(command.positionals[0]), /*with_curves=*/false);
  if (command.has("csv")) {
    print_text(to_csv(view));
  } else {
    print_json(to_json(view, /*with_clock=*/true));
  }
  return 0;
}

std::string page_of(const std::string& folder) {
  return is_sweep_folder(folder) ? sweep_report_html(read_sweep_view(folder, true)) : run_report_html(folder);
}

}  // namespace

int do_report(const Command& command) {
  const bool of_sweep = is_sweep_folder(absolute_path(command.positionals[0]));
  if (command.has("csv") && !of_sweep)
    throw UserError("usage.report", "broadsheet report: --csv is of a sweep's trials", "name a sweep's directory");
  if (of_sweep && (command.json || command.has("csv"))) return print_sweeps(command);
  if (command.has("output") && command.positionals.size() > 1) {
    throw UserError("usage.report", "broadsheet report: --output takes one run", "leave --output out, or name one DIR");
  }
  std::vector<std::string> reports;
  for (const std::string& argument : command.positionals) {
    const std::string folder = absolute_path(argument);
    if (command.has("output")) {
      const OutputPlace place = output_place(command.value("output"), "output");
      Output output(place);
      output.write(page_of(folder));
      output.finish();
      reports.push_back(place.path);
    } else {
      reports.push_back(is_sweep_folder(folder) ? write_sweep_report(folder) : write_run_report(folder));
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
