#include "core/text.h"
#include "experiments/config_tables.h"
#include "experiments/run_config.h"
#include "experiments/sweep/sweep_keys.h"

namespace broadsheet {

nlohmann::json json_schema(const std::string& kind) {
  if (kind != "run" && kind != "corpus" && kind != "sweep") {
    throw UserError("usage.schema", cat("found the kind ", kind, ", wanted run, corpus or sweep"),
                    "write `broadsheet schema run`");
  }
  OrderedJson schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                        {"title", "Broadsheet " + kind + ".yaml, schema 1"}};
  schema.update(kind == "run"     ? run_section().schema()
                : kind == "sweep" ? sweep_section().schema()
                                  : corpus_section().schema());
  return nlohmann::json::parse(schema.dump());
}

}  // namespace broadsheet
