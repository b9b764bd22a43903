// The field table of run.yaml as a whole, and the steps from a file to a struct that every kind of file shares.
#pragma once

#include <string>
#include <vector>

#include "core/config.h"
#include "data/corpus_tables.h"
#include "experiments/run_config.h"
#include "trainer/config_tables.h"

namespace broadsheet {

const Section<RunConfig>& run_section();
// Every key of "run", "corpus" or "sweep", sections before their keys.
std::vector<KeyDoc> key_docs(const std::string& kind);
// "a.b.c" -> value as text, lists of scalars and raw JSON as one value; in the table's order.
std::vector<std::pair<std::string, std::string>> flatten(const OrderedJson& json);

}  // namespace broadsheet
