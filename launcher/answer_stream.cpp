#include "launcher/answer_stream.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "core/errors.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// A line more of the file at `path`.
void append_line(const std::string& path, const std::string& line) {
  std::ofstream file(path, std::ios::app);
  file << line;
  if (!file.flush()) throw RunError("io.write", cat(path, ": cannot be written"), "is the folder writable?");
}

}  // namespace

std::istream& open_lines(const std::string& input, std::ifstream& file) {
  if (input == "-") return std::cin;
  file.open(input, std::ios::binary);
  if (!file) throw UserError("predict.input", cat(input, ": cannot be read"), "check the path and its permissions");
  if (std::filesystem::is_directory(input))
    throw UserError("predict.input", cat(input, ": is a folder"), "name a file of JSON lines");
  return file;
}

PredictCounts answer_stream(LineAnswerer& answerer, const std::string& input, std::istream& from,
                            const OutputPlace& output, const std::string& doing) {
  Output lines_out(output);
  unlink(rejects_of(input).c_str());
  Progress progress(doing, "lines", 0);
  LineStream lines(from, 1);
  const PredictCounts counts = answer_lines(answerer, lines, input,
                                            {[&](const std::string& line) {
                                               lines_out.write(line);
                                               progress.add();
                                             },
                                             [&](const std::string& line) {
                                               append_line(rejects_of(input), line);
                                               progress.add();
                                             }});
  lines_out.finish();
  counts.check(input, answerer.wanted());
  return counts;
}

void tell_of_rejects(const PredictCounts& counts, const std::string& input) {
  if (counts.rejected > 0) log_warning(cat(with_thousands(counts.rejected), " bad line(s) are in ", rejects_of(input)));
}

void check_lines_options(const Command& command, const std::string& single) {
  const std::string& verb = command.verb->name;
  if (command.has(single) == command.has("input"))
    throw UserError(cat("usage.", verb), cat("broadsheet ", verb, ": wanted one of --", single, " and --input"),
                    "give exactly one of them");
  if (command.json && command.has("input") && !command.has("output"))
    throw UserError(cat("usage.", verb), cat("broadsheet ", verb, ": --json with --input needs --output"),
                    "leave --json out: the answers are JSONL already");
}

}  // namespace broadsheet
