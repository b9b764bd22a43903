// Lines in, lines out, by this process alone from beginning to end: what predict and generate share.
#pragma once

#include <fstream>
#include <istream>
#include <string>

#include "launcher/command_line.h"
#include "launcher/line_answers.h"
#include "launcher/output.h"

namespace broadsheet {

// The stream of a verb's --input: standard input for "-", else the file, which `file` holds open. UserError
// ("predict.input") when it cannot be read.
std::istream& open_lines(const std::string& input, std::ifstream& file);

// Answers every line of `from` into `output`. Bad lines go to rejects_of(input). `doing`: "predicting".
// UserError("predict.no_good_line").
PredictCounts answer_stream(LineAnswerer& answerer, const std::string& input, std::istream& from,
                            const OutputPlace& output, const std::string& doing);

// One warning, where there were bad lines.
void tell_of_rejects(const PredictCounts& counts, const std::string& input);

// What a command line says about input and output for `verb`, which answers for one text with --`single`: exactly one
// of the two, and --json not where answers are lines already. UserError("usage.<verb>").
void check_lines_options(const Command& command, const std::string& single);

}  // namespace broadsheet
