// A new HDF5 file, written so that equal data give equal bytes (no clock in it) and that its datasets can be used where
// they are mapped: contiguous, little-endian, at multiples of kShardAlignment. Only writers see HDF5; readers map the
// file (docs/corpus_format.md says why). Every method throws RunError("io.hdf5") when the disk refuses.
#pragma once

#include <hdf5.h>

#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace broadsheet {

static_assert(std::endian::native == std::endian::little, "HDF5 files are little-endian and mapped as they are");

// An HDF5 identifier with its closing function.
class Hdf5Handle {
 public:
  Hdf5Handle(hid_t id, herr_t (*closer)(hid_t)) : id_(id), close_(closer) {}
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }
  Hdf5Handle(const Hdf5Handle&) = delete;
  Hdf5Handle& operator=(const Hdf5Handle&) = delete;
  operator hid_t() const { return id_; }
  bool ok() const { return id_ >= 0; }
  herr_t close() {
    const hid_t id = id_;
    id_ = -1;
    return close_(id);
  }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

[[noreturn]] void cannot_write_hdf5(const std::string& path, const std::string& what);

class Hdf5Writer {
 public:
  // The file must not exist. The first `user_block` bytes are the caller's (0, 512 or a power of two above) and none of
  // HDF5's.
  explicit Hdf5Writer(const std::string& path, uint64_t user_block = 0);

  void group(const std::string& name);
  void dataset(const std::string& name, const std::vector<int32_t>& values) {
    write_all(name, sizeof(int32_t), H5T_STD_I32LE, H5T_NATIVE_INT32, values.data(), values.size());
  }
  void dataset(const std::string& name, std::span<const uint16_t> values) {
    write_all(name, sizeof(uint16_t), H5T_STD_U16LE, H5T_NATIVE_UINT16, values.data(), values.size());
  }
  // Of values that are not negative.
  void unsigned_dataset(const std::string& name, std::span<const int32_t> values) {
    write_all(name, sizeof(int32_t), H5T_STD_U32LE, H5T_NATIVE_UINT32, values.data(), values.size());
  }
  void dataset(const std::string& name, const std::vector<int64_t>& values) {
    write_all(name, sizeof(int64_t), H5T_STD_I64LE, H5T_NATIVE_INT64, values.data(), values.size());
  }
  void dataset(const std::string& name, const std::vector<uint32_t>& values) {
    write_all(name, sizeof(uint32_t), H5T_STD_U32LE, H5T_NATIVE_UINT32, values.data(), values.size());
  }
  void dataset(const std::string& name, const std::vector<uint64_t>& values) {
    write_all(name, sizeof(uint64_t), H5T_STD_U64LE, H5T_NATIVE_UINT64, values.data(), values.size());
  }
  void dataset(const std::string& name, const std::vector<double>& values) {
    write_all(name, sizeof(double), H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values.data(), values.size());
  }
  void dataset(const std::string& name, const std::string& bytes) {
    write_all(name, 1, H5T_STD_U8LE, H5T_NATIVE_UINT8, bytes.data(), bytes.size());
  }
  void attribute(const char* name, int64_t value);
  void attribute(const char* name, const std::string& value);

  // One-dimensional datasets so far, with the width of an element.
  const std::vector<std::pair<std::string, uint64_t>>& datasets() const { return datasets_; }

  struct Place {
    uint64_t offset = 0, count = 0;  // bytes from the beginning of the file, 0 for an empty dataset; elements
  };
  // Where they lie in the file, by name.
  const std::map<std::string, Place>& places() const { return places_; }

  // A float32 dataset [count, width] that is filled a few rows at a time, in order.
  class Rows {
   public:
    void append(const float* values, uint64_t rows);
    uint64_t written() const { return written_; }
    uint64_t offset() const;  // of its first byte in the file; 0 when it has none

   private:
    friend class Hdf5Writer;
    Rows(std::string path, std::unique_ptr<Hdf5Handle> set, uint64_t count, uint64_t width)
        : path_(std::move(path)), set_(std::move(set)), count_(count), width_(width) {}
    std::string path_;
    std::unique_ptr<Hdf5Handle> set_;
    uint64_t count_, width_, written_ = 0;
  };
  // Must be gone before close().
  Rows rows(const std::string& name, uint64_t count, uint64_t width);

  void close();  // the bytes are on disk

 private:
  std::unique_ptr<Hdf5Handle> create(const std::string& name, hid_t type, hid_t space);
  void write_all(const std::string& name, uint64_t width, hid_t file_type, hid_t memory_type, const void* values,
                 size_t count);

  std::string path_;
  std::vector<std::pair<std::string, uint64_t>> datasets_;
  std::map<std::string, Place> places_;
  Hdf5Handle access_;
  std::unique_ptr<Hdf5Handle> file_;
};

}  // namespace broadsheet
