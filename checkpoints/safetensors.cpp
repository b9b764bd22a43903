#include "checkpoints/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "checkpoints/json_file.h"
#include "checkpoints/opened_file.h"
#include "checkpoints/safetensors_header.h"
#include "core/checksum.h"
#include "core/durable.h"
#include "core/errors.h"
#include "core/path.h"
#include "core/text.h"

namespace broadsheet {
namespace {

constexpr size_t kSizeBytes = 8;
constexpr size_t kStartBytes = 64;  // enough to know a pickle or a pointer by

struct TypeFacts {
  const char* name;
  uint64_t bits;
};
// In the order of DType.
constexpr std::array<TypeFacts, kDTypeCount> kTypes = {
    {{"F32", 32},        {"F16", 16},    {"BF16", 16},   {"F64", 64},    {"I64", 64},    {"I32", 32},
     {"I16", 16},        {"I8", 8},      {"U8", 8},      {"BOOL", 8},    {"U16", 16},    {"U32", 32},
     {"U64", 64},        {"C64", 64},    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E5M2FNUZ", 8},
     {"F8_E4M3FNUZ", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4}}};

[[noreturn]] void refuse_weights(const std::string& path, const char* code, std::string what,
                                 const char* remedy = "the file is damaged or not safetensors: fetch it again") {
  throw UserError(Fault{code, {path}, "", std::move(what), remedy});
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = kSizeBytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

[[noreturn]] void refuse_pickle(const std::string& path, const std::string& kind) {
  const std::string target = parent_folder(path) + "/model.safetensors";
  throw UserError(Fault{
      "model.pickle",
      {path},
      "",
      cat("is ", kind, "; pickles can run any code and are never read"),
      cat("convert it where you trust it: python3 -c \"import sys, torch; from safetensors.torch import save_file; "
          "save_file({k: v.clone().contiguous() for k, v in torch.load(sys.argv[1], map_location='cpu', "
          "weights_only=True).items()}, sys.argv[2], metadata={'format': 'pt'})\" ",
          shell_quoted(path), " ", shell_quoted(target == path ? path + ".converted" : target))});
}

void refuse_foreign(const std::string& path, std::string_view start) {
  if (const std::string kind = pickle_kind(start); !kind.empty()) refuse_pickle(path, kind);
  if (starts_with(start, "version https://git-lfs")) {
    refuse_weights(path, "safetensors.pointer", "is a Git LFS pointer, not the weights", "fetch it with git lfs pull");
  }
}

}  // namespace

uint64_t item_bits(DType dtype) {
  return kTypes[static_cast<size_t>(dtype)].bits;
}

size_t item_size(DType dtype) {
  BROADSHEET_ASSERT(item_bits(dtype) % 8 == 0);
  return item_bits(dtype) / 8;
}

const char* dtype_name(DType dtype) {
  return kTypes[static_cast<size_t>(dtype)].name;
}

void copy_bytes(const TensorView& tensor, size_t begin, std::byte* target, size_t size) {
  BROADSHEET_ASSERT(begin <= tensor.bytes.size() && size <= tensor.bytes.size() - begin);
  if (size == 0) return;
  if (tensor.file == nullptr) {
    std::memcpy(target, tensor.bytes.data() + begin, size);
  } else {
    tensor.file->read(tensor.file->offset_of(tensor.bytes.data() + begin), target, size);
  }
}

SafetensorsFile SafetensorsFile::open(const std::string& path) {
  SafetensorsFile file;
  file.file_ = std::make_unique<OpenedFile>(path);
  const size_t size = file.file_->size();
  if (size == 0) refuse_weights(path, "safetensors.truncated", "is empty");
  std::string start(std::min(size, kStartBytes), '\0');
  file.file_->read(0, reinterpret_cast<std::byte*>(start.data()), start.size());
  refuse_foreign(path, start);
  if (size < kSizeBytes) {
    refuse_weights(path, "safetensors.truncated", cat("has ", size, " bytes, the header's size alone takes 8"));
  }
  const uint64_t header_size = little_endian(start);
  if (header_size > kMaxSafetensorsHeader) {
    refuse_weights(path, "safetensors.header_size",
                   cat("the header claims ", header_size, " bytes, allowed are ", kMaxSafetensorsHeader));
  }
  if (header_size > size - kSizeBytes) {
    refuse_weights(
        path, "safetensors.header_size",
        cat("the header claims ", header_size, " bytes, the file has ", size - kSizeBytes, " after its size"));
  }
  std::string text(header_size, '\0');
  file.file_->read(kSizeBytes, reinterpret_cast<std::byte*>(text.data()), text.size());
  const uint64_t data_begin = kSizeBytes + header_size;
  SafetensorsHeader header = parse_safetensors_header(text, size - data_begin, path);
  const std::span<const std::byte> data = file.file_->mapped().subspan(data_begin);
  file.metadata_ = std::move(header.metadata);
  file.tensors_.reserve(header.entries.size());
  for (HeaderEntry& entry : header.entries) {
    file.index_.emplace(entry.name, file.tensors_.size());
    file.tensors_.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                             data.subspan(entry.begin, entry.end - entry.begin), file.file_.get()});
  }
  return file;
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

const TensorView* SafetensorsFile::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

WrittenFile write_safetensors(const std::string& path, const std::vector<TensorView>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  // Built as text, because the order of the tensors is the caller's and JSON objects would sort or search.
  std::string text = "{";
  if (!metadata.empty()) text += cat("\"__metadata__\":", nlohmann::json(metadata).dump());
  std::set<std::string> names = {"__metadata__"};
  uint64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    BROADSHEET_ASSERT(names.insert(tensor.name).second);
    uint64_t elements = 1;
    for (const int64_t dimension : tensor.shape) elements *= static_cast<uint64_t>(dimension);
    BROADSHEET_ASSERT(elements * item_bits(tensor.dtype) == 8 * tensor.bytes.size());
    text += cat(text.size() > 1 ? "," : "", nlohmann::json(tensor.name).dump(), ":{\"dtype\":\"",
                dtype_name(tensor.dtype), "\",\"shape\":", nlohmann::json(tensor.shape).dump(), ",\"data_offsets\":[",
                offset, ",", offset + tensor.bytes.size(), "]}");
    offset += tensor.bytes.size();
  }
  text += "}";
  // Blanks after the header keep the data on a multiple of eight, as the reference writer does.
  text.append((8 - text.size() % 8) % 8, ' ');
  BROADSHEET_ASSERT(text.size() <= kMaxSafetensorsHeader);
  std::string size_bytes;
  for (int i = 0; i < 8; ++i) size_bytes += static_cast<char>(text.size() >> (8 * i) & 0xFF);

  DurableFile file(path, DurableFile::Kind::kBulk);
  Xxh3 sum;
  const auto put = [&](const void* bytes, size_t size) {
    file.write(bytes, size);
    sum.update(bytes, size);
  };
  put(size_bytes.data(), size_bytes.size());
  put(text.data(), text.size());
  constexpr size_t kChunk = size_t{4} << 20;  // checksum and write while the bytes are in the cache
  std::vector<std::byte> copied;
  for (const TensorView& tensor : tensors) {
    for (size_t at = 0; at < tensor.bytes.size(); at += kChunk) {
      const size_t count = std::min(kChunk, tensor.bytes.size() - at);
      const std::byte* bytes = tensor.bytes.data() + at;
      if (tensor.file != nullptr) {
        copied.resize(kChunk);
        copy_bytes(tensor, at, copied.data(), count);
        bytes = copied.data();
      }
      put(bytes, count);
    }
  }
  file.close();
  return {file.size(), sum.hex()};
}

}  // namespace broadsheet
