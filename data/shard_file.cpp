#include "data/shard_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/errors.h"
#include "core/text.h"
#include "data/field_reader.h"
#include "data/hdf5_writer.h"
#include "data/mapped_file.h"

namespace broadsheet {
namespace {

// Where HDF5 put what was just written.
class LayoutReader {
 public:
  explicit LayoutReader(const std::string& path) : path_(path), access_(H5Pcreate(H5P_FILE_ACCESS), H5Pclose) {
    H5Pset_file_locking(access_, false, true);
    file_ = std::make_unique<Hdf5Handle>(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_), H5Fclose);
    if (!file_->ok()) cannot_write_hdf5(path, "HDF5 cannot open it again");
  }

  ShardLayout::Place locate(const std::string& name, uint64_t width) {
    Hdf5Handle set(H5Dopen2(*file_, name.c_str(), H5P_DEFAULT), H5Dclose);
    Hdf5Handle space(set.ok() ? H5Dget_space(set) : -1, H5Sclose);
    hsize_t extent = 0;
    if (!space.ok() || H5Sget_simple_extent_dims(space, &extent, nullptr) != 1)
      cannot_write_hdf5(path_, "a dataset is missing");
    if (extent == 0) return {0, 0, width};
    const haddr_t offset = H5Dget_offset(set);
    BROADSHEET_ASSERT(offset != HADDR_UNDEF && offset % kShardAlignment == 0);
    return {offset, extent, width};
  }

 private:
  std::string path_;
  Hdf5Handle access_;
  std::unique_ptr<Hdf5Handle> file_;
};

}  // namespace

ShardColumn empty_column(const std::string& name, FieldKind kind, int64_t vocab_size) {
  ShardColumn column;
  column.name = name;
  column.kind = kind;
  column.tokens = TokenList(ids_are_short(vocab_size));
  if (has_offsets(kind)) column.offsets.push_back(0);
  if (kind == FieldKind::kList) column.items.push_back(0);
  return column;
}

ShardLayout write_shard(const std::string& path, const ShardData& data) {
  Hdf5Writer writer(path);
  writer.attribute("format_version", kCorpusFormatVersion);
  writer.attribute("split", data.split);
  writer.attribute("documents", data.documents());
  writer.attribute("tokenizer_fingerprint", data.tokenizer_fingerprint);
  writer.group("fields");
  for (const ShardColumn& column : data.columns) {
    const std::string folder = "fields/" + column.name;
    writer.group(folder);
    if (has_offsets(column.kind)) writer.dataset(folder + "/offsets", column.offsets);
    if (column.kind == FieldKind::kText) {
      const TokenIds ids = column.tokens.view();
      if (ids.is_short())
        writer.dataset(folder + "/tokens", ids.shorts());
      else
        writer.unsigned_dataset(folder + "/tokens", ids.longs());
    } else if (is_string_kind(column.kind)) {
      writer.dataset(folder + "/bytes", column.bytes);
    } else if (column.kind == FieldKind::kList) {
      writer.dataset(folder + "/items", column.items);
      writer.dataset(folder + "/bytes", column.bytes);
    } else if (has_classes(column.kind)) {
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

}  // namespace broadsheet
