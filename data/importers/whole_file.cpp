// Formats in which a file is one document: plain text as a whole, and HTML pages.
#include "core/errors.h"
#include "core/text.h"
#include "data/importers/formats.h"
#include "data/importers/html.h"

namespace broadsheet {
namespace {

class WholeFileImporter : public Importer {
 public:
  WholeFileImporter(std::unique_ptr<ByteSource> bytes, const std::string& name, int32_t file_number,
                    std::vector<std::string> columns)
      : bytes_(std::move(bytes)),
        name_(name.substr(name.find_last_of('/') + 1)),
        file_(file_number),
        columns_(std::move(columns)) {}

  bool next(Record& record) override {
    if (done_) return false;
    done_ = true;
    Line page;
    page.number = 1;
    page.text = read_whole(*bytes_, kMaxLineBytes);
    page.too_long = page.text.size() > kMaxLineBytes;
    if (!page.too_long) decode(page);
    if (!begin_record(record, page, file_)) return true;
    record.document.values = take(std::move(page.text));
    record.document.values["file"] = name_;
    return true;
  }
  const std::vector<std::string>& columns() const override { return columns_; }
  int64_t consumed() const override { return bytes_->consumed(); }
  int64_t lines() const override { return done_ ? 1 : 0; }

 protected:
  virtual void decode(Line& page) = 0;
  virtual std::map<std::string, std::string, std::less<>> take(std::string text) = 0;

 private:
  std::unique_ptr<ByteSource> bytes_;
  std::string name_;
  int32_t file_;
  std::vector<std::string> columns_;
  bool done_ = false;
};

class TextFileImporter : public WholeFileImporter {
 public:
  TextFileImporter(std::unique_ptr<ByteSource> bytes, const std::string& name, const std::string& encoding,
                   int32_t file_number)
      : WholeFileImporter(std::move(bytes), name, file_number, {"text", "file"}), decoder_(encoding) {}

 protected:
  void decode(Line& page) override {
    page.undecodable = !decoder_.decode(page.text) || (decoder_.idle() && !guess_encoding(page.text).empty());
    if (starts_with(page.text, "\xef\xbb\xbf")) page.text.erase(0, 3);
  }
  std::map<std::string, std::string, std::less<>> take(std::string text) override {
    return {{"text", std::move(text)}};
  }

 private:
  LineDecoder decoder_;
};

class HtmlImporter : public WholeFileImporter {
 public:
  HtmlImporter(std::unique_ptr<ByteSource> bytes, const std::string& name, const SourceConfig& source,
               int32_t file_number)
      : WholeFileImporter(std::move(bytes), name, file_number,
                          {"text", "title", "description", "author", "date", "language", "url", "file"}),
        encoding_(source.encoding == "utf-8"     ? ""
                  : source.encoding == "latin-1" ? "ISO-8859-1"
                                                 : source.encoding),
        boilerplate_(source.boilerplate) {}

 protected:
  // To what it says itself, before anything is looked at.
  void decode(Line& page) override {
    if (page.text.find('\0') != std::string::npos) return;  // which begin_record refuses
    article_ = read_html(page.text, encoding_, boilerplate_);
    page.text.clear();
  }
  std::map<std::string, std::string, std::less<>> take(std::string) override { return std::move(article_); }

 private:
  std::string encoding_;
  bool boilerplate_;
  HtmlArticle article_;
};

}  // namespace

std::unique_ptr<Importer> open_document(std::unique_ptr<ByteSource> bytes, const std::string& name,
                                        const std::string& encoding, int32_t file_number) {
  return std::make_unique<TextFileImporter>(std::move(bytes), name, encoding, file_number);
}

std::unique_ptr<Importer> open_html(std::unique_ptr<ByteSource> bytes, const std::string& name,
                                    const SourceConfig& source, int32_t file_number) {
  return std::make_unique<HtmlImporter>(std::move(bytes), name, source, file_number);
}

}  // namespace broadsheet
