// TensorBoard's event files: TFRecord frames (length, masked CRC-32C, bytes, masked CRC-32C) of protobuf messages
// `Event`, of which we write three kinds: file version, session start, scalars. Encoded by hand: three messages do not
// need a protobuf library. Formats: tensorflow/core/util/event.proto, summary.proto, lib/io/record_writer.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/tracking_file.h"

namespace broadsheet {

// CRC-32C (Castagnoli), RFC 3720 appendix B.4.
uint32_t crc32c(std::string_view bytes);

class EventWriter {
 public:
  // A new file of this attempt in `folder` (made when absent), published by `fence`, whose name sorts after every file
  // already there. Its session start makes TensorBoard drop what earlier attempts wrote after `start_step`, also what
  // an older one that is still alive adds to its own file later, since files are read in the order of their names: one
  // step axis, unbroken across restarts. Trouble with the disk is a warning; RunError("run.fenced").
  EventWriter(const std::string& folder, int64_t start_step, const Fence& fence);
  // All scalars of one step as one event. Values are stored as float32, as TensorBoard's own writers do.
  void scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values);
  const std::string& path() const { return file_.path(); }

 private:
  void write(const std::string& event);
  AppendFile file_;
};

}  // namespace broadsheet
