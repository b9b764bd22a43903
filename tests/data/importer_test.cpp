#include "data/importers/importer.h"

#include <bzlib.h>
#include <zlib.h>

#include "corpus_fixture.h"
#include "data/importers/line_reader.h"

namespace broadsheet {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;

struct ReadBack {
  std::vector<Values> documents;
  std::vector<std::string> rejects;  // "line@byte code"
};

SourceConfig source_of(const std::string& format, bool header = true, std::vector<std::string> columns = {}) {
  SourceConfig source;
  source.format = format;
  source.header = header;
  source.columns = std::move(columns);
  return source;
}

ReadBack read_all(const std::string& path, const SourceConfig& source) {
  ReadBack back;
  const auto importer = open_importer(path, source, 0);
  Record record;
  while (importer->next(record)) {
    const SourcePlace& place = record.document.place;
    if (record.rejected)
      back.rejects.push_back(cat(place.line, "@", place.byte, " ", record.rejection.code));
    else
      back.documents.push_back(record.document.values);
  }
  return back;
}

ReadBack read_text(const TempFolder& folder, std::string_view text, const SourceConfig& source) {
  return read_all(write_text(folder / "input", text), source);
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string bzip2(const std::string& text) {
  std::string out(text.size() + text.size() / 100 + 1000, '\0');
  unsigned size = static_cast<unsigned>(out.size());
  BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(text.data()), static_cast<unsigned>(text.size()), 9, 0,
                           0);
  out.resize(size);
  return out;
}

TEST(Jsonl, ScalarsBecomeTextAndNullIsMissing) {
  TempFolder folder;
  const ReadBack back = read_text(folder,
                                  "{\"text\": \"caf\\u00e9\", \"n\": 3, \"x\": -1.50, \"big\": 123456789012345678901, "
                                  "\"b\": true, \"none\": null}\n"
                                  "\n{\"text\":\"last, no newline\"}",
                                  source_of("jsonl"));
  ASSERT_EQ(back.documents.size(), 2u);
  EXPECT_EQ(back.documents[0],
            (Values{{"text", "café"}, {"n", "3"}, {"x", "-1.50"}, {"big", "123456789012345678901"}, {"b", "true"}}));
  EXPECT_EQ(back.documents[1], (Values{{"text", "last, no newline"}}));
  EXPECT_TRUE(back.rejects.empty());
}

TEST(Jsonl, EveryKindOfMalformedLineIsSetAsideWithItsLineAndByte) {
  TempFolder folder;
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"{\"text\": \"good\"}", ""},
      {"{\"text\": \"open", "bad_json"},
      {"{\"text\": 'single'}", "bad_json"},
      {"{\"text\": \"a\",}", "bad_json"},
      {"{\"text\": \"a\"} trailing", "bad_json"},
      {"{\"text\": \"a\"}{\"text\": \"b\"}", "bad_json"},
      {"plain words", "bad_json"},
      {"[1, 2]", "not_an_object"},
      {"\"text\"", "not_an_object"},
      {"42", "not_an_object"},
      {"null", "not_an_object"},
      {"{\"text\": \"a\", \"text\": \"b\"}", "duplicate_key"},
      {"{\"text\": \"lone \\ud800 surrogate\"}", "bad_json"},
      {"{\"text\": \"lone \\udc00 surrogate\"}", "bad_json"},
      {"{\"text\": \"bad \xff byte\"}", "invalid_utf8"},
      {"{\"text\": \"overlong \xc0\xaf\"}", "invalid_utf8"},
      {"{\"text\": \"surrogate \xed\xa0\x80\"}", "invalid_utf8"},
      {"{\"text\": \"cut \xe2\x82\"}", "invalid_utf8"},
      {std::string("{\"text\": \"nul \0 byte\"}", 21), "nul_byte"},
      {"{\"text\": \"nul \\u0000 escape\"}", "nul_byte"},
      {"{\"text\": \"raw \t tab\"}", "bad_json"},
      {"{\"text\": NaN}", "bad_json"},
      {"{\"text\": 1e999}", "bad_json"},
      {"{\"text\": 012}", "bad_json"},
      {"{\"deep\": " + std::string(5000, '[') + std::string(5000, ']') + "}", "too_deep"},
      {std::string(100000, '['), "not_an_object"},
      {std::string(kMaxLineBytes + 1, 'x'), "line_too_long"},
      {"{\"text\": \"good again\"}", ""},
  };
  std::string text;
  std::vector<std::string> wanted;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].second.empty()) wanted.push_back(cat(i + 1, "@", text.size(), " ", lines[i].second));
    text += lines[i].first + "\n";
  }
  const ReadBack back = read_text(folder, text, source_of("jsonl"));
  EXPECT_EQ(back.rejects, wanted);
  ASSERT_EQ(back.documents.size(), 2u);
  EXPECT_EQ(back.documents[1].at("text"), "good again");
}

TEST(Jsonl, NestedValuesAreNamedNotRead) {
  TempFolder folder;
  const std::string path =
      write_text(folder / "a.jsonl", "{\"a\": {\"text\": \"inner\"}, \"b\": [1, [2]], \"text\": \"outer\"}\n");
  const auto importer = open_importer(path, source_of("jsonl"), 3);
  Record record;
  ASSERT_TRUE(importer->next(record));
  EXPECT_FALSE(record.rejected);
  EXPECT_EQ(record.document.values, (Values{{"text", "outer"}}));
  EXPECT_EQ(record.document.nested, (std::set<std::string, std::less<>>{"a", "b"}));
  EXPECT_EQ(record.document.place.file, 3);
}

TEST(Csv, QuotesCommasAndNewlinesInsideValues) {
  TempFolder folder;
  const ReadBack back = read_text(
      folder,
      "id,text\r\n1,\"a, \"\"quoted\"\" value\"\r\n2,\"two\r\nlines\"\r\n\r\n3,plain \"inner\" quote\n4,\"\"\n5,",
      source_of("csv"));
  EXPECT_EQ(back.rejects, std::vector<std::string>{});
  ASSERT_EQ(back.documents.size(), 5u);
  EXPECT_EQ(back.documents[0].at("text"), "a, \"quoted\" value");
  EXPECT_EQ(back.documents[1].at("text"), "two\r\nlines");
  EXPECT_EQ(back.documents[2].at("text"), "plain \"inner\" quote");
  EXPECT_EQ(back.documents[3].at("text"), "");
  EXPECT_EQ(back.documents[4].at("text"), "");
}

TEST(Csv, MalformedRecordsAreSetAsideAndLinesStayCounted) {
  TempFolder folder;
  const ReadBack back = read_text(folder,
                                  "id,text\n"           // 1
                                  "1,\"two\nlines\"\n"  // 2-3
                                  "2,a,b\n"             // 4 too wide
                                  "3\n"                 // 5 too narrow
                                  "4,\"x\"y\n"          // 6 text after a closing quote
                                  "5,bad \xff\n"        // 7
                                  "6,good\n"            // 8
                                  "7,\"never closed\n"  // 9
                                  "8,still good\n",     // 10
                                  source_of("csv"));
  EXPECT_EQ(back.rejects, (std::vector<std::string>{"4@22 wrong_width", "5@28 wrong_width", "6@30 bad_quote",
                                                    "7@37 invalid_utf8", "9@52 unclosed_quote"}));
  ASSERT_EQ(back.documents.size(), 3u);
  EXPECT_EQ(back.documents[1].at("text"), "good");
  EXPECT_EQ(back.documents[2].at("text"), "still good");
}

TEST(Csv, ManyStrayQuotesAreReadInLinearTime) {
  TempFolder folder;
  std::string text = "id,text\n";
  for (int i = 0; i < 20000; ++i) text += "\"\"\"\n";  // each opens, and none of the next closes it before the last
  const ReadBack back = read_text(folder, text, source_of("csv"));
  EXPECT_EQ(back.documents.size(), 0u);
  EXPECT_GE(back.rejects.size(), 1u);
}

TEST(Tsv, KnowsNoQuotes) {
  TempFolder folder;
  const ReadBack back =
      read_text(folder, "1\t-2.5\tsays \"no\" \"\n2\t3\n", source_of("tsv", false, {"id", "rating", "text"}));
  ASSERT_EQ(back.documents.size(), 1u);
  EXPECT_EQ(back.documents[0], (Values{{"id", "1"}, {"rating", "-2.5"}, {"text", "says \"no\" \""}}));
  EXPECT_EQ(back.rejects, std::vector<std::string>{"2@19 wrong_width"});
}

TEST(PlainText, IsOneDocumentPerLine) {
  TempFolder folder;
  const ReadBack back = read_text(folder, "first\r\n\nthird\n\xff\n", source_of("text"));
  ASSERT_EQ(back.documents.size(), 2u);
  EXPECT_EQ(back.documents[0], (Values{{"text", "first"}, {"line", "1"}}));
  EXPECT_EQ(back.documents[1], (Values{{"text", "third"}, {"line", "3"}}));
  EXPECT_EQ(back.rejects, std::vector<std::string>{"4@14 invalid_utf8"});
}

TEST(Importers, SkipAByteOrderMarkAndRefuseUtf16) {
  TempFolder folder;
  const ReadBack back = read_text(folder, "\xef\xbb\xbfid,text\n1,a\n", source_of("csv"));
  ASSERT_EQ(back.documents.size(), 1u);
  EXPECT_EQ(back.documents[0].at("id"), "1");
  const std::string wide = write_text(folder / "wide.csv", std::string_view("\xff\xfei\0d\0", 6));
  EXPECT_EQ(user_error_codes([&] { open_importer(wide, source_of("csv"), 0); }),
            std::vector<std::string>{"corpus.encoding"});
}

TEST(Importers, FilesOfOtherFormatsAreRefusedByTheirContent) {
  TempFolder folder;
  const std::string zeros(20, '\0');
  for (const std::string& magic :
       {"PAR1\x15\x04" + zeros, "ARROW1" + zeros, "\x89HDF\r\n\x1a\n" + zeros, "PK\x03\x04" + zeros,
        "SQLite format 3" + zeros, std::string("\xFD\x37\x7A\x58\x5A") + zeros}) {
    for (const char* format : {"jsonl", "csv", "tsv", "text"}) {
      SourceConfig source;
      source.format = format;
      EXPECT_THROW(open_importer(write_text(folder / "x", magic), source, 0), UserError) << format;
    }
  }
  SourceConfig source;
  source.format = "text";
  Record record;
  EXPECT_TRUE(open_importer(write_text(folder / "x", "ORC and PAR1 are words\n"), source, 0)->next(record));
}

TEST(Importers, ReadGzipAndBzip2AlsoInSeveralMembers) {
  TempFolder folder;
  std::string long_text;
  for (int i = 0; i < 50000; ++i) long_text += cat("line number ", i, "\n");
  const std::string tail = "the end\n";
  for (const auto& [name, bytes] : {std::pair<std::string, std::string>{"a.txt.gz", gzip(long_text) + gzip(tail)},
                                    {"a.txt.bz2", bzip2(long_text) + bzip2(tail)},
                                    {"a.txt", long_text + tail}}) {
    const ReadBack back = read_all(write_text(folder / name, bytes), source_of(""));
    ASSERT_EQ(back.documents.size(), 50001u) << name;
    EXPECT_EQ(back.documents[49999].at("text"), "line number 49999");
    EXPECT_EQ(back.documents[50000].at("text"), "the end");
  }
}

TEST(Importers, ATruncatedOrCorruptArchiveIsNamed) {
  TempFolder folder;
  std::string text;
  for (int i = 0; i < 20000; ++i) text += cat(i * 7919 % 10007, " words\n");
  for (const auto& [name, whole] : {std::pair<std::string, std::string>{"a.gz", gzip(text)}, {"a.bz2", bzip2(text)}}) {
    std::string message;
    const std::string cut = write_text(folder / ("cut-" + name), whole.substr(0, whole.size() / 2));
    EXPECT_EQ(user_error_codes([&] { read_all(cut, source_of("text")); }, &message),
              std::vector<std::string>{"corpus.damaged_source"});
    EXPECT_NE(message.find(cut), std::string::npos);
    std::string flipped = whole;
    for (size_t i = whole.size() / 2; i < whole.size() / 2 + 50; ++i) flipped[i] = static_cast<char>(flipped[i] ^ 0x55);
    const std::string bad = write_text(folder / ("bad-" + name), flipped);
    EXPECT_EQ(user_error_codes([&] { read_all(bad, source_of("text")); }),
              std::vector<std::string>{"corpus.damaged_source"});
  }
}

TEST(Importers, HeadersMustBeUsable) {
  TempFolder folder;
  const auto codes = [&](std::string_view text, const SourceConfig& source) {
    const std::string path = write_text(folder / "h.csv", text);
    return user_error_codes([&] { open_importer(path, source, 0); });
  };
  const std::vector<std::string> refused = {"corpus.header"};
  EXPECT_EQ(codes("", source_of("csv")), refused);
  EXPECT_EQ(codes("a,b,a\n", source_of("csv")), refused);
  EXPECT_EQ(codes("a,\xff\n", source_of("csv")), refused);
  EXPECT_EQ(codes("1,2\n", source_of("csv", false)), refused);
  EXPECT_EQ(codes("1,2\n", source_of("xml")), std::vector<std::string>{"corpus.format"});
}

TEST(Importers, PatternsExpandInOrderAndMissingFilesAreNamed) {
  TempFolder folder;
  for (const char* name : {"b.txt", "a.txt", "c.tsv"}) write_text(folder / name, "x\n");
  EXPECT_EQ(expand_files({folder / "*.txt"}), (std::vector<std::string>{folder / "a.txt", folder / "b.txt"}));
  EXPECT_EQ(expand_files({folder / "b.txt", folder / "*.t*"}),
            (std::vector<std::string>{folder / "b.txt", folder / "a.txt", folder / "c.tsv"}));
  std::string message;
  EXPECT_EQ(user_error_codes([&] { expand_files({folder / "*.jsonl"}); }, &message),
            std::vector<std::string>{"corpus.no_file"});
  EXPECT_NE(message.find("*.jsonl"), std::string::npos);
  EXPECT_EQ(user_error_codes([&] { open_importer(folder.path(), source_of("text"), 0); }),
            std::vector<std::string>{"corpus.no_file"});
}

TEST(Importers, TellTheFormatFromTheName) {
  EXPECT_EQ(format_of("a/b.jsonl.gz"), "jsonl");
  EXPECT_EQ(format_of("B.CSV.BZ2"), "csv");
  EXPECT_EQ(format_of("x.tsv"), "tsv");
  EXPECT_EQ(format_of("x.txt"), "text");
  EXPECT_EQ(format_of("x.parquet"), "");
}

}  // namespace
}  // namespace broadsheet
