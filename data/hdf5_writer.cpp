#include "data/hdf5_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"
#include "data/shard_file.h"

namespace broadsheet {

void cannot_write_hdf5(const std::string& path, const std::string& what) {
  throw RunError("io.hdf5", cat("cannot write ", path, ": ", what), "check the free space and the disk");
}

Hdf5Writer::Hdf5Writer(const std::string& path, uint64_t user_block)
    : path_(path), access_(H5Pcreate(H5P_FILE_ACCESS), H5Pclose) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // it would print; our messages say what failed
  Hdf5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  H5Pset_userblock(creation, user_block);
  H5Pset_alignment(access_, 1, kShardAlignment);
  H5Pset_file_locking(access_, false, true);
  file_ = std::make_unique<Hdf5Handle>(H5Fcreate(path.c_str(), H5F_ACC_EXCL, creation, access_), H5Fclose);
  if (!file_->ok()) cannot_write_hdf5(path, cat("HDF5 cannot create it (", std::strerror(errno), ")"));
}

void Hdf5Writer::group(const std::string& name) {
  Hdf5Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  Hdf5Handle made(H5Gcreate2(*file_, name.c_str(), H5P_DEFAULT, creation, H5P_DEFAULT), H5Gclose);
  if (!made.ok()) cannot_write_hdf5(path_, cat("no group ", name));
}

std::unique_ptr<Hdf5Handle> Hdf5Writer::create(const std::string& name, hid_t type, hid_t space) {
  Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  H5Pset_layout(creation, H5D_CONTIGUOUS);
  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  auto set = std::make_unique<Hdf5Handle>(
      H5Dcreate2(*file_, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
  if (!set->ok()) cannot_write_hdf5(path_, cat("dataset ", name));
  return set;
}

void Hdf5Writer::write_all(const std::string& name, uint64_t width, hid_t file_type, hid_t memory_type,
                           const void* values, size_t count) {
  const hsize_t extent = count;
  datasets_.emplace_back(name, width);
  Hdf5Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
  const std::unique_ptr<Hdf5Handle> set = create(name, file_type, space);
  if (count > 0 && H5Dwrite(*set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    cannot_write_hdf5(path_, cat("dataset ", name));
  places_[name] = {count > 0 ? H5Dget_offset(*set) : 0, count};
  if (set->close() < 0) cannot_write_hdf5(path_, cat("dataset ", name));
}

Hdf5Writer::Rows Hdf5Writer::rows(const std::string& name, uint64_t count, uint64_t width) {
  const hsize_t extent[] = {count, width};
  Hdf5Handle space(H5Screate_simple(2, extent, nullptr), H5Sclose);
  return Rows(path_, create(name, H5T_IEEE_F32LE, space), count, width);
}

void Hdf5Writer::Rows::append(const float* values, uint64_t rows) {
  BROADSHEET_ASSERT(rows <= count_ - written_);
  if (rows == 0) return;
  const hsize_t start[] = {written_, 0}, extent[] = {rows, width_};
  Hdf5Handle memory(H5Screate_simple(2, extent, nullptr), H5Sclose);
  Hdf5Handle space(H5Dget_space(*set_), H5Sclose);
  if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, extent, nullptr) < 0 ||
      H5Dwrite(*set_, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, values) < 0)
    cannot_write_hdf5(path_, cat("rows ", written_, " to ", written_ + rows, " of a dataset"));
  written_ += rows;
}

uint64_t Hdf5Writer::Rows::offset() const {
  if (count_ == 0) return 0;
  const haddr_t offset = H5Dget_offset(*set_);
  BROADSHEET_ASSERT(offset != HADDR_UNDEF && offset % kShardAlignment == 0);
  return offset;
}

void Hdf5Writer::attribute(const char* name, int64_t value) {
  Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  Hdf5Handle made(H5Acreate2(*file_, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!made.ok() || H5Awrite(made, H5T_NATIVE_INT64, &value) < 0) cannot_write_hdf5(path_, cat("attribute ", name));
}

void Hdf5Writer::attribute(const char* name, const std::string& value) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, std::max<size_t>(1, value.size()));
  H5Tset_cset(type, H5T_CSET_UTF8);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  Hdf5Handle made(H5Acreate2(*file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!made.ok() || H5Awrite(made, type, value.c_str()) < 0) cannot_write_hdf5(path_, cat("attribute ", name));
}

void Hdf5Writer::close() {
  if (file_->close() < 0) cannot_write_hdf5(path_, "HDF5 cannot finish it");
  try {
    sync_file(path_);
  } catch (const Error& error) {
    cannot_write_hdf5(path_, error.what());
  }
}

}  // namespace broadsheet
