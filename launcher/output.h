// Where answers go that are not for the screen alone.
#pragma once

#include <memory>
#include <string>

#include "core/durable.h"

namespace broadsheet {

struct OutputPlace {
  std::string path;  // absolute, links followed; empty: standard output
  // A pipe, a device: it is written to as it is. Else a file that is replaced as a whole, or made.
  bool is_stream = false;
};
// Of what --`option` says. UserError("output.folder").
OutputPlace output_place(const std::string& given, const std::string& option);

// A file that appears whole at the end, a stream, or standard output.
class Output {
 public:
  explicit Output(OutputPlace place);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  void write(const std::string& text);
  void finish();

 private:
  OutputPlace place_;
  std::unique_ptr<DurableFile> file_;
  int stream_ = -1;
};

}  // namespace broadsheet
