// evaluate and predict: a trained model, asked.
#pragma once

#include "launcher/command_line.h"

namespace broadsheet {

int evaluate(const Command& command);
int predict(const Command& command);

}  // namespace broadsheet
