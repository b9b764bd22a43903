// evaluate, predict and generate: a trained model, asked.
#pragma once

#include "launcher/command_line.h"

namespace broadsheet {

int evaluate(const Command& command);
int predict(const Command& command);
int generate(const Command& command);

// --hello [FOLDER]: what doctor has ranks do: find each other, compare clocks, share a folder. One JSON object.
int hello(const std::vector<std::string>& folders);

}  // namespace broadsheet
