#include "data/preparation/chunk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/preparation/scratch.h"

namespace broadsheet {
namespace {

constexpr uint64_t kAlignment = 16;
constexpr uint64_t kMaxHeaderBytes = uint64_t{64} << 20;

uint64_t aligned(uint64_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

// Length of the header, header, arrays; each at a multiple of kAlignment.
class ArrayFile {
 public:
  template <class T>
  void add(const std::string& name, std::span<const T> values) {
    places_[name] = {{"offset", size_}, {"count", values.size()}};
    parts_.emplace_back(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    size_ = aligned(size_ + values.size_bytes());
  }
  nlohmann::json classes;

  std::string write(const std::string& path) const {
    std::string header = nlohmann::json({{"arrays", places_}, {"classes", classes}}).dump();
    header.resize(aligned(header.size() + sizeof(uint64_t)) - sizeof(uint64_t), ' ');
    const uint64_t length = header.size();
    header.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = file >= 0 && put(file, header);
    for (const std::string_view part : parts_) {
      static constexpr char kZeros[kAlignment] = {};
      good = good && put(file, part) && put(file, {kZeros, aligned(part.size()) - part.size()});
    }
    const int reason = errno;
    if (file >= 0) good = ::close(file) == 0 && good;
    if (good) return sum_.hex();
    ::unlink(path.c_str());
    errno = reason;
    cannot_write_scratch(path);
  }

 private:
  bool put(int file, std::string_view bytes) const {
    sum_.update(bytes.data(), bytes.size());
    while (!bytes.empty()) {
      const ssize_t written = ::write(file, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }

  mutable Xxh3 sum_;
  nlohmann::json places_ = nlohmann::json::object();
  std::vector<std::string_view> parts_;
  uint64_t size_ = 0;
};

[[noreturn]] void damaged_chunk(const std::string& path, const std::string& what) {
  throw RunError("prepare.chunk", cat(path, ": is damaged (", what, ")"),
                 "remove the folder it is in, and prepare again");
}

std::pair<nlohmann::json, std::string_view> header_and_body(std::string_view bytes) {
  uint64_t length = 0;
  if (bytes.size() < sizeof length) throw std::runtime_error("it is too short");
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kMaxHeaderBytes || length > bytes.size() - sizeof length) throw std::runtime_error("it is too short");
  return {nlohmann::json::parse(bytes.substr(sizeof length, length)), bytes.substr(sizeof length + length)};
}

template <class T>
std::span<const T> array_of(const nlohmann::json& arrays, const std::string& name, std::string_view bytes) {
  const nlohmann::json& place = arrays.at(name);
  const auto offset = place.at("offset").get<uint64_t>(), count = place.at("count").get<uint64_t>();
  if (offset % alignof(T) != 0 || offset > bytes.size() || count > (bytes.size() - offset) / sizeof(T))
    throw std::runtime_error(cat(name, " lies outside"));
  return {reinterpret_cast<const T*>(bytes.data() + offset), count};
}

}  // namespace

std::string write_chunk(const std::string& path, const Chunk& chunk) {
  ArrayFile file;
  file.add<int64_t>("lines", chunk.lines);
  file.add<int64_t>("sizes", chunk.sizes);
  file.add<Hash128>("hashes", chunk.hashes);
  file.add<uint64_t>("bands", chunk.bands);
  file.add<uint32_t>("shingles", chunk.shingles);
  file.add<int64_t>("shingle_offsets", chunk.shingle_offsets);
  file.add<uint8_t>("splits", chunk.splits);
  file.add<double>("draws", chunk.draws);
  for (size_t i = 0; i < chunk.columns.size(); ++i) {
    const ShardColumn& column = chunk.columns[i];
    const TokenIds ids = column.tokens.view();
    file.add<uint16_t>(cat(i, ".short_tokens"), ids.shorts());
    file.add<int32_t>(cat(i, ".tokens"), ids.longs());
    file.add<char>(cat(i, ".bytes"), column.bytes);
    file.add<int64_t>(cat(i, ".offsets"), column.offsets);
    file.add<int64_t>(cat(i, ".items"), column.items);
    file.add<int32_t>(cat(i, ".labels"), column.labels);
    file.add<double>(cat(i, ".numbers"), column.numbers);
  }
  file.classes = chunk.classes;
  return file.write(path);
}

// What duplicates are known by.
void ChunkView::view_signatures(const nlohmann::json& arrays, std::string_view body) {
  hashes = array_of<Hash128>(arrays, "hashes", body);
  bands = array_of<uint64_t>(arrays, "bands", body);
  shingles = array_of<uint32_t>(arrays, "shingles", body);
  shingle_offsets = array_of<int64_t>(arrays, "shingle_offsets", body);
}

ChunkView::ChunkView(const std::string& path, size_t fields) : file_(path) {
  try {
    const auto [header, body] = header_and_body(file_.bytes());
    const nlohmann::json& arrays = header.at("arrays");
    lines = array_of<int64_t>(arrays, "lines", body);
    sizes = array_of<int64_t>(arrays, "sizes", body);
    view_signatures(arrays, body);
    splits = array_of<uint8_t>(arrays, "splits", body);
    draws = array_of<double>(arrays, "draws", body);
    for (size_t i = 0; i < fields; ++i) {
      const auto text = array_of<char>(arrays, cat(i, ".bytes"), body);
      const auto shorts = array_of<uint16_t>(arrays, cat(i, ".short_tokens"), body);
      const auto longs = array_of<int32_t>(arrays, cat(i, ".tokens"), body);
      columns.push_back({shorts.empty() ? TokenIds(longs) : TokenIds(shorts),
                         {text.data(), text.size()},
                         array_of<int64_t>(arrays, cat(i, ".offsets"), body),
                         array_of<int64_t>(arrays, cat(i, ".items"), body),
                         array_of<int32_t>(arrays, cat(i, ".labels"), body),
                         array_of<double>(arrays, cat(i, ".numbers"), body),
                         header.at("classes").at(i).get<std::vector<std::string>>()});
    }
  } catch (const std::exception& error) {
    damaged_chunk(path, error.what());
  }
}

ChunkView::ChunkView(const std::string& seen_file) : file_(seen_file) {
  try {
    const auto [header, body] = header_and_body(file_.bytes());
    view_signatures(header.at("arrays"), body);
    for (size_t i = 0; i < shingle_offsets.size(); ++i)
      if (shingle_offsets[i] < (i == 0 ? 0 : shingle_offsets[i - 1]) ||
          shingle_offsets[i] > static_cast<int64_t>(shingles.size()))
        throw std::runtime_error("shingle_offsets point outside");
  } catch (const std::exception& error) {
    throw UserError("corpus.seen", cat(seen_file, ": is damaged, or no list of seen documents (", error.what(), ")"),
                    "copy the corpus again, or prepare it again with --replace");
  }
}

}  // namespace broadsheet
