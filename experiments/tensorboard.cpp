#include "experiments/tensorboard.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "core/durable.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"

namespace broadsheet {
namespace {

namespace fs = std::filesystem;

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0x82F63B78u : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = make_table();

uint32_t masked(uint32_t sum) {
  return (sum >> 15 | sum << 17) + 0xA282EAD8u;
}

template <class Unsigned>
std::string little_endian(Unsigned value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

// Protobuf's wire format: a key of (field << 3 | type), then a varint (0), 8 bytes (1), length and bytes (2), 4 bytes
// (5).
std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string varint_field(int field, uint64_t value) {
  return varint(static_cast<uint64_t>(field) << 3) + varint(value);
}
std::string bytes_field(int field, std::string_view bytes) {
  return varint(static_cast<uint64_t>(field) << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}
std::string double_field(int field, double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return varint(static_cast<uint64_t>(field) << 3 | 1) + little_endian(bits);
}
std::string float_field(int field, float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return varint(static_cast<uint64_t>(field) << 3 | 5) + little_endian(bits);
}

// Event's fields.
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;

std::string event(int64_t step, int field, std::string_view content) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return double_field(kWallTime, now) + varint_field(kStep, static_cast<uint64_t>(step)) + bytes_field(field, content);
}

constexpr std::string_view kPrefix = "events.out.tfevents.";

// TensorBoard reads the files of a folder in the order of their names, which begin with seconds since 1970. Two
// attempts within one second, or a clock that was set back, must not swap them.
std::string next_name(const std::string& folder, int64_t attempt) {
  auto seconds = static_cast<int64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!starts_with(name, kPrefix)) continue;
    int64_t other = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), other);
    if (other < 9'999'999'999) seconds = std::max(seconds, other + 1);
  }
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') std::strcpy(host, "host");
  char number[32];
  std::snprintf(number, sizeof number, "%010lld", static_cast<long long>(seconds));
  return cat(kPrefix, number, ".", host, ".", ::getpid(), ".", attempt);
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t sum = ~uint32_t{0};
  for (const char byte : bytes) sum = kCrcTable[(sum ^ static_cast<unsigned char>(byte)) & 0xFF] ^ sum >> 8;
  return ~sum;
}

EventWriter::EventWriter(const std::string& folder, int64_t start_step, const Fence& fence) {
  try {
    make_folders(folder);
    const std::string name = next_name(folder, fence.attempt());
    file_ = AppendFile(cat(fence.folder(), "/", name), fence);
    write(event(0, kFileVersion, "brain.Event:2"));
    // A session start drops everything at its own step and after; a start from nothing drops step 0 too.
    constexpr uint64_t kStart = 1;
    write(event(start_step == 0 ? 0 : start_step + 1, kSessionLog, varint_field(1, kStart)));
    file_.publish(cat(folder, "/", name));
  } catch (const RunError& error) {
    if (is_fenced_off(error)) throw;
    log_warning(cat(error.what(), "; TensorBoard will show nothing of this attempt"));
    file_ = AppendFile();
  }
}

void EventWriter::scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  std::string summary;
  for (const auto& [tag, value] : values) {
    summary += bytes_field(1, bytes_field(1, tag) + float_field(2, static_cast<float>(value)));
  }
  write(event(step, kSummary, summary));
}

void EventWriter::write(const std::string& event) {
  const std::string length = little_endian(static_cast<uint64_t>(event.size()));
  file_.append(length + little_endian(masked(crc32c(length))) + event + little_endian(masked(crc32c(event))));
}

}  // namespace broadsheet
