#include "data/preparation/seen_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/text.h"
#include "data/hdf5_writer.h"

namespace broadsheet {
namespace {

constexpr uint64_t kHeaderBytes = 512;
constexpr int64_t kSeenVersion = 1;

// As of a chunk: length of the text, the text, then what its offsets count from.
std::string header_of(const std::map<std::string, Hdf5Writer::Place>& places) {
  nlohmann::json arrays = nlohmann::json::object();
  for (const auto& [name, place] : places) {
    const uint64_t elements = name == "hashes" ? place.count / 2 : place.count;
    arrays[name] = {{"offset", place.count > 0 ? place.offset - kHeaderBytes : 0}, {"count", elements}};
  }
  std::string header = nlohmann::json({{"arrays", arrays}}).dump();
  const uint64_t length = kHeaderBytes - sizeof length;
  BROADSHEET_ASSERT(header.size() <= length);
  header.resize(length, ' ');
  header.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
  return header;
}

void write_header(const std::string& path, const std::string& header) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool done = file >= 0 &&
                    ::pwrite(file, header.data(), header.size(), 0) == static_cast<ssize_t>(header.size()) &&
                    ::fsync(file) == 0;
  const std::string why = std::strerror(errno);
  if (file >= 0) ::close(file);
  if (!done) cannot_write_hdf5(path, why);
}

}  // namespace

bool remembers(const CleanConfig& clean) {
  return clean.exact_duplicates || clean.near_duplicates > 0;
}

std::string seen_name(const std::string& shard) {
  return "seen-" + shard;
}

void write_seen(const std::string& path, const SeenDocuments& seen) {
  std::vector<uint64_t> hashes;
  hashes.reserve(2 * seen.hashes.size());
  for (const Hash128& hash : seen.hashes) hashes.insert(hashes.end(), hash.begin(), hash.end());
  Hdf5Writer writer(path, kHeaderBytes);
  writer.attribute("format_version", kSeenVersion);
  writer.attribute("documents", seen.documents);
  writer.dataset("hashes", hashes);
  writer.dataset("bands", seen.bands);
  writer.dataset("shingles", seen.shingles);
  writer.dataset("shingle_offsets", seen.shingle_offsets);
  writer.close();
  write_header(path, header_of(writer.places()));
}

}  // namespace broadsheet
