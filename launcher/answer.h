// How both programs answer: results on stdout, messages on stderr, the exit code of the error's kind.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "core/errors.h"

namespace broadsheet {

// What an exception means to the caller of the program.
struct Failure {
  int exit_code = 1;
  Fault fault;          // the first one
  std::string message;  // all of them, one a line
};
// Of the exception being handled; call inside a catch block only. Out of memory and what the system
// refuses is exit 1, the unknown exit 70.
Failure current_failure();

nlohmann::json to_json(const Failure& failure);  // {"error": {...}}
Failure failure_from_json(const nlohmann::json& value);

// The message on stderr, and with `json` the error object on stdout. Returns the exit code.
int report_failure(const Failure& failure, bool json);
// Runs `body` and turns what it throws into an exit code.
int answer(bool json, const std::function<int()>& body);

// One JSON value and a newline on stdout. RunError when stdout cannot be written.
void print_json(const nlohmann::json& value);
void print_text(const std::string& text);

// True when "--json" is among the arguments, even when the rest cannot be parsed.
bool wants_json(int argc, char** argv);

}  // namespace broadsheet
