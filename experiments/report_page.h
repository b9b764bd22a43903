// The pieces of a report's page: tables from JSON and the page around them. Inside experiments/report*.cpp only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace broadsheet {

// <!DOCTYPE html> ... with the style; `body` is HTML already, `more_style` CSS of this page alone.
std::string html_page(const std::string& title, const std::string& body, const std::string& more_style = "");

// results.json's "validation" and "test", before and after: a row per metric, the chosen one marked.
std::string before_after_html(const nlohmann::json& results);
// results.json's optional "per_class" ({class: {metric: value}}) of test after training, or "".
std::string per_class_html(const nlohmann::json& results);
// results.json's optional "confusion" ({"labels": [...], "matrix": [[...]]}, rows are the true classes), or "".
std::string confusion_html(const nlohmann::json& results);
// Any JSON as a table of dotted keys and values.
std::string flat_table_html(const nlohmann::json& value);
// One number of the row of facts at the top, with what it counts under it.
std::string fact_html(const std::string& value, const std::string& label);
// <details> with a summary line.
std::string details_html(std::string_view summary, const std::string& content, bool open);

}  // namespace broadsheet
