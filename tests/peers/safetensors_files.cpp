// Helper of safetensors_roundtrip.py.
//   safetensors_files copy IN OUT        reads IN and writes its tensors and metadata to OUT
//   safetensors_files judge FOLDER       one line per file of FOLDER: its name, and "accepted" or the error's code
#include <filesystem>
#include <iostream>
#include <string>

#include "checkpoints/safetensors.h"
#include "core/errors.h"

namespace {

std::string judge(const std::string& path) {
  try {
    broadsheet::SafetensorsFile::open(path);
  } catch (const broadsheet::UserError& error) {
    return error.faults().front().code;
  }
  return "accepted";
}

}  // namespace

int main(int count, char** arguments) {
  const std::string verb = count > 1 ? arguments[1] : "";
  if (verb == "copy" && count == 4) {
    const auto file = broadsheet::SafetensorsFile::open(arguments[2]);
    broadsheet::write_safetensors(arguments[3], file.tensors(), file.metadata());
    return 0;
  }
  if (verb == "judge" && count == 3) {
    for (const auto& entry : std::filesystem::directory_iterator(arguments[2])) {
      std::cout << entry.path().filename().string() << "\t" << judge(entry.path().string()) << "\n";
    }
    return 0;
  }
  std::cerr << "usage: safetensors_files copy IN OUT | judge FOLDER\n";
  return 2;
}
