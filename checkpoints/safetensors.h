// safetensors files: 8 bytes little-endian header size, a JSON header, then raw tensors.
// Format: the safetensors README; limits and checks follow it (header at most 100 MB, no overlaps, no holes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace broadsheet {

// The types of the format. Weights of ours are of the first few; the others are known so that files with them are read
// and copied as they are.
enum class DType {
  kFloat32,
  kFloat16,
  kBFloat16,
  kFloat64,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUInt8,
  kBool,
  kUInt16,
  kUInt32,
  kUInt64,
  kComplex64,
  kFloat8E5M2,
  kFloat8E4M3,
  kFloat8E8M0,
  kFloat8E5M2Fnuz,
  kFloat8E4M3Fnuz,
  kFloat6E2M3,
  kFloat6E3M2,
  kFloat4
};
inline constexpr int kDTypeCount = static_cast<int>(DType::kFloat4) + 1;
uint64_t item_bits(DType dtype);
size_t item_size(DType dtype);        // in bytes; not for the types of four and six bits
const char* dtype_name(DType dtype);  // safetensors' spelling: "F32", "BF16", "I64", ...

class OpenedFile;

// A tensor's description and bytes (row-major, little-endian). Does not own the bytes.
struct TensorView {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  // Of a file these are mapped: somebody who truncates the file turns a look at them into a SIGBUS. Loading goes
  // through copy_bytes(). Note [A file that changes under us], checkpoints/opened_file.h.
  std::span<const std::byte> bytes;
  const OpenedFile* file = nullptr;  // whose bytes they are; nullptr: they are in memory
};

// Copies bytes [begin, begin + size) of the tensor. RunError("io.changed") when its file was changed meanwhile.
void copy_bytes(const TensorView& tensor, size_t begin, std::byte* target, size_t size);
inline void copy_bytes(const TensorView& tensor, std::byte* target) {
  copy_bytes(tensor, 0, target, tensor.bytes.size());
}

// A file, held open and mapped. Views stay valid while the object lives. Every number in the header is checked against
// the file's size before it is used; a bad header is UserError("safetensors.*") with path, tensor and what was found.
// Pickles (.bin, .pt, zipped or raw, whatever the name) are recognised by content and refused: "model.pickle".
class SafetensorsFile {
 public:
  static SafetensorsFile open(const std::string& path);
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();

  const std::vector<TensorView>& tensors() const { return tensors_; }  // in header order
  const TensorView* find(const std::string& name) const;               // nullptr: absent
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  SafetensorsFile() = default;
  std::unique_ptr<OpenedFile> file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, size_t> index_;
  std::map<std::string, std::string> metadata_;
};

// Writes `path` (which must not exist) with the tensors in the given order, fsynced. Returns its size and checksum,
// computed while writing.
struct WrittenFile {
  uint64_t size = 0;
  std::string xxh3;
};
WrittenFile write_safetensors(const std::string& path, const std::vector<TensorView>& tensors,
                              const std::map<std::string, std::string>& metadata);

}  // namespace broadsheet
