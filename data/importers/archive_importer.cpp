#include "core/text.h"
#include "data/importers/archive.h"
#include "data/importers/formats.h"

namespace broadsheet {
namespace {

class ArchiveImporter : public Importer {
 public:
  ArchiveImporter(const std::string& path, const SourceConfig& source, int32_t file_number)
      : source_(source), reader_(path), file_(file_number) {}

  // Lines and bytes are counted through all members.
  bool next(Record& record) override {
    for (;;) {
      if (member_ && member_->next(record)) {
        record.document.place.line += lines_before_;
        record.document.place.byte += bytes_before_;
        last_byte_ = record.document.place.byte;
        if (record.rejected)
          record.rejection.detail += cat(record.rejection.detail.empty() ? "" : ", ", "in ", reader_.name());
        return true;
      }
      if (member_) {
        lines_before_ += member_->lines();
        bytes_before_ = last_byte_ + 1;
      }
      member_.reset();
      if (!open_next()) return false;
    }
  }
  const std::vector<std::string>& columns() const override { return columns_; }
  int64_t consumed() const override { return reader_.consumed(); }
  int64_t lines() const override { return lines_before_ + (member_ ? member_->lines() : 0); }

 private:
  bool open_next() {
    while (reader_.next()) {
      const std::string& name = reader_.name();
      const std::string format = chosen_format(name, source_), file = name.substr(name.find_last_of('/') + 1);
      if (format.empty() || is_aside(file) || !is_wanted(file, source_.format)) continue;
      member_ = open_format(format, reader_.member(), name, source_, file_);
      return true;
    }
    return false;
  }

  SourceConfig source_;
  ArchiveReader reader_;
  int32_t file_;
  std::unique_ptr<Importer> member_;
  int64_t lines_before_ = 0, bytes_before_ = 0, last_byte_ = -1;
  std::vector<std::string> columns_;
};

}  // namespace

std::unique_ptr<Importer> open_archive(const std::string& path, const SourceConfig& source, int32_t file_number) {
  return std::make_unique<ArchiveImporter>(path, source, file_number);
}

}  // namespace broadsheet
