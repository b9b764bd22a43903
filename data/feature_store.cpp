#include "data/feature_store.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/activity.h"
#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/rank_status.h"
#include "core/text.h"
#include "data/hdf5_writer.h"
#include "data/shard_file.h"

namespace broadsheet {
namespace {

// Before HDF5's first byte: what a reader must know, so that it needs no HDF5 (docs/corpus_format.md says why).
constexpr uint64_t kHeaderBytes = 2048;
constexpr const char* kMagic = "broadsheet features 1 ";
constexpr const char* kWriting = ".writing";
constexpr size_t kChecksumPiece = size_t{64} << 20;
constexpr int64_t kMostNumbers = int64_t{1} << 40;

[[noreturn]] void damaged_features(const std::string& path, const std::string& what) {
  throw UserError("features.damaged", cat(path, ": ", what), "remove it: it is computed again");
}

std::string checksum_of(std::string_view bytes) {
  Xxh3 hash;
  for (size_t begin = 0; begin < bytes.size(); begin += kChecksumPiece) {
    const std::string_view piece = bytes.substr(begin, kChecksumPiece);
    hash.update(piece.data(), piece.size());
    note_progress();  // hours of documents may take seconds to read
  }
  return hash.hex();
}

std::string header_of(const FeatureInfo& info, const std::array<uint64_t, 3>& offsets, const std::string& checksum) {
  nlohmann::json json = {
      {"key", info.key}, {"corpus", info.corpus}, {"width", info.width}, {"checksum", checksum}, {"splits", {}}};
  for (const Split split : kAllSplits) {
    const auto at = static_cast<size_t>(split);
    json["splits"][split_name(split)] = {{"documents", info.documents[at]}, {"offset", offsets[at]}};
  }
  const std::string text = json.dump();
  std::string header = cat(kMagic, xxh3_hex(text), "\n", text);
  BROADSHEET_ASSERT(header.size() < kHeaderBytes);
  header.resize(kHeaderBytes, '\0');
  return header;
}

nlohmann::json parse_header(const std::string& path, std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !starts_with(bytes, kMagic)) damaged_features(path, "is not a file of features");
  std::string_view header = bytes.substr(0, kHeaderBytes);
  header = header.substr(0, header.find('\0'));
  const size_t line = header.find('\n');
  const size_t magic = std::strlen(kMagic);
  if (line == std::string_view::npos || xxh3_hex(header.substr(line + 1)) != header.substr(magic, line - magic))
    damaged_features(path, "its header is damaged");
  return nlohmann::json::parse(header.substr(line + 1));
}

// ".<key>.<host>.<pid>.writing"
std::string temporary_name(const std::string& path) {
  return cat(parent_folder(path), "/.", file_name(path), ".", this_host(), ".", ::getpid(), kWriting);
}

void remove_abandoned(const std::string& folder) {
  const std::string host = cat(".", this_host(), ".");
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const size_t at = name.rfind(host);
    if (!ends_with(name, kWriting) || at == std::string::npos) continue;
    const std::string number = name.substr(at + host.size(), name.size() - at - host.size() - std::strlen(kWriting));
    int process = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), process);
    const bool is_number = error == std::errc() && end == number.data() + number.size() && process > 0;
    if (is_number && ::kill(process, 0) != 0 && errno == ESRCH) std::filesystem::remove(entry.path(), ignored);
  }
}

void write_header(const std::string& path, const std::string& header) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool done = descriptor >= 0 &&
                    ::pwrite(descriptor, header.data(), header.size(), 0) == static_cast<ssize_t>(header.size()) &&
                    ::fsync(descriptor) == 0;
  const std::string why = std::strerror(errno);
  if (descriptor >= 0) ::close(descriptor);
  if (!done) cannot_write_hdf5(path, why);
}

}  // namespace

std::string feature_file(const std::string& folder, const std::string& key) {
  return cat(folder, "/", key.substr(0, 16), ".h5");
}

void FeatureStore::read_header(const std::string& path, const FeatureInfo& expected) {
  const std::string_view bytes = file_.bytes();
  const nlohmann::json header = parse_header(path, bytes);
  checksum_ = header.at("checksum").get<std::string>();
  info_.key = header.at("key").get<std::string>();
  info_.corpus = header.at("corpus").get<std::string>();
  info_.width = header.at("width").get<int64_t>();
  if (info_.key != expected.key || info_.corpus != expected.corpus || info_.width != expected.width)
    throw UserError("features.other", cat(path, ": was computed from other weights, texts or code"),
                    "remove it: it is computed again");
  for (const Split split : kAllSplits) {
    const auto at = static_cast<size_t>(split);
    const nlohmann::json& part = header.at("splits").at(split_name(split));
    const int64_t documents = info_.documents[at] = part.at("documents").get<int64_t>();
    const uint64_t offset = part.at("offset").get<uint64_t>();
    if (documents != expected.documents[at]) damaged_features(path, cat("has ", documents, " rows for another corpus"));
    if (documents == 0) continue;
    const uint64_t size = static_cast<uint64_t>(documents) * static_cast<uint64_t>(info_.width) * sizeof(float);
    if (offset < kHeaderBytes || offset % kShardAlignment != 0 || offset > bytes.size() || size > bytes.size() - offset)
      damaged_features(path, "its rows lie outside the file");
    rows_[at] = reinterpret_cast<const float*>(bytes.data() + offset);
  }
}

std::shared_ptr<const FeatureStore> FeatureStore::open(const std::string& path, const FeatureInfo& expected) {
  for (const int64_t documents : expected.documents)
    BROADSHEET_ASSERT(expected.width > 0 && documents >= 0 && documents <= kMostNumbers / expected.width);
  std::shared_ptr<FeatureStore> store(new FeatureStore(path));
  try {
    store->read_header(path, expected);
  } catch (const nlohmann::json::exception& error) {
    damaged_features(path, error.what());
  }
  if (checksum_of(store->file_.bytes().substr(kHeaderBytes)) != store->checksum_)
    damaged_features(path, "its bytes have changed since it was written");
  return store;
}

std::span<const float> FeatureStore::row(Split split, int64_t document) const {
  const auto at = static_cast<size_t>(split);
  BROADSHEET_ASSERT(document >= 0 && document < info_.documents[at]);
  return {rows_[at] + document * info_.width, static_cast<size_t>(info_.width)};
}

struct FeatureWriter::Parts {
  explicit Parts(const std::string& path) : file(path, kHeaderBytes) {}
  Hdf5Writer file;
  std::vector<Hdf5Writer::Rows> rows;
};

FeatureWriter::FeatureWriter(const std::string& path, const FeatureInfo& info)
    : path_(path), temporary_(temporary_name(path)), info_(info) {
  const std::string folder = parent_folder(path);
  make_folders(folder);
  remove_abandoned(folder);
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);  // of an earlier process with this number
  parts_ = std::make_unique<Parts>(temporary_);
  parts_->file.attribute("format_version", kFeatureFormatVersion);
  parts_->file.attribute("key", info.key);
  parts_->file.attribute("corpus", info.corpus);
  for (const Split split : kAllSplits)
    parts_->rows.push_back(parts_->file.rows(split_name(split),
                                             static_cast<uint64_t>(info.documents[static_cast<size_t>(split)]),
                                             static_cast<uint64_t>(info.width)));
}

FeatureWriter::~FeatureWriter() {
  parts_.reset();
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

void FeatureWriter::append(Split split, std::span<const float> rows) {
  BROADSHEET_ASSERT(rows.size() % static_cast<size_t>(info_.width) == 0);
  parts_->rows[static_cast<size_t>(split)].append(rows.data(), rows.size() / static_cast<size_t>(info_.width));
}

void FeatureWriter::commit() {
  std::array<uint64_t, 3> offsets{};
  for (size_t at = 0; at < offsets.size(); ++at) {
    BROADSHEET_ASSERT(parts_->rows[at].written() == static_cast<uint64_t>(info_.documents[at]));
    offsets[at] = parts_->rows[at].offset();
  }
  parts_->rows.clear();
  parts_->file.close();
  const std::string checksum = checksum_of(MappedFile(temporary_).bytes().substr(kHeaderBytes));
  write_header(temporary_, header_of(info_, offsets, checksum));
  rename_durably(temporary_, path_);
}

}  // namespace broadsheet
