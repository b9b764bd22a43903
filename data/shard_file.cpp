#include "data/shard_file.h"

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "core/errors.h"
#include "core/text.h"
#include "data/field_reader.h"
#include "data/mapped_file.h"

namespace broadsheet {
namespace {

static_assert(std::endian::native == std::endian::little, "shards are little-endian and mapped as they are");

// An HDF5 identifier with its closing function.
class Handle {
 public:
  Handle(hid_t id, herr_t (*closer)(hid_t)) : id_(id), close_(closer) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
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

void silence_hdf5() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

[[noreturn]] void cannot_write(const std::string& path, const std::string& what) {
  throw RunError("io.hdf5", cat("cannot write ", path, ": ", what), "check the free space and the disk");
}

struct ElementType {
  hid_t file, memory;
};
ElementType type_of(const int32_t*) {
  return {H5T_STD_I32LE, H5T_NATIVE_INT32};
}
ElementType type_of(const int64_t*) {
  return {H5T_STD_I64LE, H5T_NATIVE_INT64};
}
ElementType type_of(const double*) {
  return {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE};
}
ElementType type_of(const char*) {
  return {H5T_STD_U8LE, H5T_NATIVE_UINT8};
}

class ShardWriter {
 public:
  explicit ShardWriter(const std::string& path) : path_(path), access_(H5Pcreate(H5P_FILE_ACCESS), H5Pclose) {
    silence_hdf5();
    Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation, false);  // no clock in the file: equal data, equal bytes
    H5Pset_alignment(access_, 1, kShardAlignment);
    H5Pset_file_locking(access_, false, true);
    file_ = std::make_unique<Handle>(H5Fcreate(path.c_str(), H5F_ACC_EXCL, creation, access_), H5Fclose);
    if (!file_->ok()) cannot_write(path, cat("HDF5 cannot create it (", std::strerror(errno), ")"));
  }

  void group(const std::string& name) {
    Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation, false);
    Handle made(H5Gcreate2(*file_, name.c_str(), H5P_DEFAULT, creation, H5P_DEFAULT), H5Gclose);
    if (!made.ok()) cannot_write(path_, cat("no group ", name));
  }

  template <class T>
  void dataset(const std::string& name, const T* values, size_t count) {
    const hsize_t extent = count;
    datasets_.emplace_back(name, sizeof(T));
    Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
    Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation, false);
    H5Pset_layout(creation, H5D_CONTIGUOUS);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    const ElementType type = type_of(values);
    Handle set(H5Dcreate2(*file_, name.c_str(), type.file, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
    if (!set.ok() || (count > 0 && H5Dwrite(set, type.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) ||
        set.close() < 0)
      cannot_write(path_, cat("dataset ", name));
  }
  template <class T>
  void dataset(const std::string& name, const std::vector<T>& values) {
    dataset(name, values.data(), values.size());
  }

  void attribute(const char* name, int64_t value) {
    Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    Handle made(H5Acreate2(*file_, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    if (!made.ok() || H5Awrite(made, H5T_NATIVE_INT64, &value) < 0) cannot_write(path_, cat("attribute ", name));
  }
  void attribute(const char* name, const std::string& value) {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, std::max<size_t>(1, value.size()));
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    Handle made(H5Acreate2(*file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    if (!made.ok() || H5Awrite(made, type, value.c_str()) < 0) cannot_write(path_, cat("attribute ", name));
  }

  const std::vector<std::pair<std::string, uint64_t>>& datasets() const { return datasets_; }

  void close() {
    if (file_->close() < 0) cannot_write(path_, "HDF5 cannot finish it");
    const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
    const std::string why = std::strerror(errno);
    if (descriptor >= 0) ::close(descriptor);
    if (!synced) cannot_write(path_, why);
  }

 private:
  std::string path_;
  std::vector<std::pair<std::string, uint64_t>> datasets_;  // with the width of an element
  Handle access_;
  std::unique_ptr<Handle> file_;
};

// Where HDF5 put what was just written.
class LayoutReader {
 public:
  explicit LayoutReader(const std::string& path) : path_(path), access_(H5Pcreate(H5P_FILE_ACCESS), H5Pclose) {
    H5Pset_file_locking(access_, false, true);
    file_ = std::make_unique<Handle>(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_), H5Fclose);
    if (!file_->ok()) cannot_write(path, "HDF5 cannot open it again");
  }

  ShardLayout::Place locate(const std::string& name, uint64_t width) {
    Handle set(H5Dopen2(*file_, name.c_str(), H5P_DEFAULT), H5Dclose);
    Handle space(set.ok() ? H5Dget_space(set) : -1, H5Sclose);
    hsize_t extent = 0;
    if (!space.ok() || H5Sget_simple_extent_dims(space, &extent, nullptr) != 1)
      cannot_write(path_, "a dataset is missing");
    if (extent == 0) return {0, 0, width};
    const haddr_t offset = H5Dget_offset(set);
    BROADSHEET_ASSERT(offset != HADDR_UNDEF && offset % kShardAlignment == 0);
    return {offset, extent, width};
  }

 private:
  std::string path_;
  Handle access_;
  std::unique_ptr<Handle> file_;
};

}  // namespace

ShardLayout write_shard(const std::string& path, const ShardData& data) {
  ShardWriter writer(path);
  writer.attribute("format_version", kCorpusFormatVersion);
  writer.attribute("split", data.split);
  writer.attribute("documents", data.documents());
  writer.attribute("tokenizer_fingerprint", data.tokenizer_fingerprint);
  writer.group("fields");
  for (const ShardColumn& column : data.columns) {
    const std::string folder = "fields/" + column.name;
    writer.group(folder);
    if (column.kind == FieldKind::kText) {
      writer.dataset(folder + "/offsets", column.offsets);
      writer.dataset(folder + "/tokens", column.tokens);
    } else if (is_string_kind(column.kind)) {
      writer.dataset(folder + "/offsets", column.offsets);
      writer.dataset(folder + "/bytes", column.bytes.data(), column.bytes.size());
    } else if (column.kind == FieldKind::kLabel) {
      writer.dataset(folder + "/values", column.labels);
    } else {
      writer.dataset(folder + "/values", column.numbers);
    }
  }
  writer.group("source");
  writer.dataset("source/file", data.source_files);
  writer.dataset("source/line", data.source_lines);
  writer.close();
  ShardLayout layout;
  LayoutReader reader(path);
  for (const auto& [name, width] : writer.datasets()) layout.datasets[name] = reader.locate(name, width);
  layout.structure = shard_structure(path, MappedFile(path).bytes(), layout);
  return layout;
}

void renumber_labels(const std::string& path, const ShardLayout& layout, const std::string& field,
                     const std::vector<int32_t>& ids) {
  const ShardLayout::Place place = layout.datasets.at("fields/" + field + "/values");
  std::vector<int32_t> values(place.count);
  const auto bytes = static_cast<ssize_t>(place.count * sizeof(int32_t));
  const auto offset = static_cast<off_t>(place.offset);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  bool done = descriptor >= 0 && ::pread(descriptor, values.data(), static_cast<size_t>(bytes), offset) == bytes;
  for (int32_t& value : values)
    if (value != kNoClass) value = ids.at(static_cast<size_t>(value));
  done = done && ::pwrite(descriptor, values.data(), static_cast<size_t>(bytes), offset) == bytes &&
         ::fsync(descriptor) == 0;
  const std::string why = std::strerror(errno);
  if (descriptor >= 0) ::close(descriptor);
  if (!done) cannot_write(path, why);
}

}  // namespace broadsheet
