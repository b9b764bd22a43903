#include "core/text.h"
#include "experiments/config_tables.h"
#include "experiments/foreign_keys.h"
#include "experiments/run_config.h"

namespace broadsheet {
namespace {

// In a table's cell a bar would end it.
std::string table_cell(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '|' ? std::string("\\|") : c == '<' ? std::string("&lt;") : std::string(1, c);
  return safe;
}

// What a table cannot say about sweep.yaml.
constexpr char kConditions[] =
    "\nA parameter is named by its key in the run file, dotted (`train.learning_rate: {...}`) or in sections (`train: "
    "{learning_rate: {...}}`), and has a `distribution`, `values`, a `value` or an expression that it is `tied_to`. "
    "Conditions (`when`, `where`) and `tied_to` are expressions: `or`, `and`, `not`, `==`, `!=`, `<`, `<=`, `>`, `>=`, "
    "`in`, `not in`, `+`, `-`, `*`, `/`, `%`, brackets, lists `[a, b]`, numbers, `true`, `false` and texts, which need "
    "quotes only when they are no plain word. A key of the run file stands for its value. A parameter whose `when` "
    "does "
    "not hold is left as the run file has it, and so is one whose `tied_to` comes to no value.\n";

std::string page_of(const std::string& kind) {
  std::string text = cat("\n## ", kind, ".yaml\n\n| key | wanted | default | |\n|---|---|---|---|\n");
  for (const KeyDoc& doc : key_docs(kind)) {
    if (doc.later) continue;
    const std::string initial = doc.required ? "required" : doc.initial.empty() ? "" : "`" + doc.initial + "`";
    text += cat("| `", doc.key, "` | ", table_cell(doc.words), " | ", initial, " | ", table_cell(doc.doc), " |\n");
  }
  std::string later;
  for (const KeyDoc& doc : key_docs(kind)) {
    if (doc.later) later += cat("- `", doc.key, "`: ", doc.doc, "\n");
  }
  if (!later.empty()) text += "\nDesigned, but not in this version (giving one is an error):\n\n" + later;
  return text;
}

}  // namespace

std::string configuration_reference() {
  std::string text =
      "# The configuration files\n\n"
      "Written by the program from the tables that read the files; a test compares the two.\n\n"
      "The files are YAML. Unknown keys, duplicate keys, merges (`<<`) and tags are errors, and every fault of a file "
      "is reported at once, as `file:line:column: key: what was found, what was wanted; the remedy`. Numbers are "
      "decimal "
      "without leading zeros; truth is `true` or `false`. A relative path belongs to the file's folder; one given with "
      "`--set key=value` to the working directory. `${env:NAME}` in a value stands for an environment variable (in a "
      "flow map it needs quotes). In the tables `*` is a name of your choice and `[]` an item of a list.\n\n"
      "`broadsheet check FILE` prints the resolved values and where each came from; `broadsheet schema run` (or "
      "`corpus`, `sweep`) prints a JSON schema for editors.\n";
  text += page_of("run") + page_of("corpus") + page_of("sweep") + kConditions;
  text += "\n## Other tools' keys\n\nThese are errors whose message gives our key and the converted value.\n";
  for (const char* kind : {"run", "corpus", "sweep"}) {
    text += cat("\nIn ", kind, ".yaml: `", join(foreign_keys(kind), "`, `"), "`.\n");
  }
  return text;
}

std::string configuration_help(const std::string& kind) {
  std::string text = cat("Keys of ", kind, ".yaml [default]\n");
  for (const KeyDoc& doc : key_docs(kind)) {
    if (doc.later) continue;
    const std::string initial = doc.required ? " (required)" : doc.initial.empty() ? "" : " [" + doc.initial + "]";
    text += cat("  ", doc.key, initial, "\n      ", doc.doc, " Wanted: ", doc.words, ".\n");
  }
  return text;
}

}  // namespace broadsheet
