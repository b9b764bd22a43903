#include "data/importers/importer.h"

#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>

#include "corpus_fixture.h"
#include "data/importers/encoding.h"
#include "data/importers/flat_object.h"
#include "data/importers/html.h"
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

// What the general reader would give of a line, or nothing when it is no flat object without fractions.
std::optional<std::map<std::string, std::string>> flat_values(const std::string& line) {
  std::set<std::string> keys;
  bool flat = true;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::key) flat &= keys.insert(parsed.get<std::string>()).second;
    if (depth > 0 && (event == Event::object_start || event == Event::array_start)) flat = false;
    return true;
  };
  const nlohmann::json json = nlohmann::json::parse(line, watch, /*allow_exceptions=*/false);
  if (!flat || !json.is_object()) return std::nullopt;
  std::map<std::string, std::string> values;
  for (const auto& [key, value] : json.items()) {
    if (value.is_number_float()) return std::nullopt;  // given as it is written
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text.find('\0') != std::string::npos || key.find('\0') != std::string::npos) return std::nullopt;
    if (!value.is_null()) values[key] = std::move(text);
  }
  return values;
}

// Lines that are nearly well-formed in all the ways that chance finds.
TEST(FlatObjects, AreThoseOfTheGeneralReader) {
  const std::vector<std::string> parts = {"{",
                                          "}",
                                          "\"a\"",
                                          "\"b\"",
                                          "\"\\u00e9\"",
                                          "\"\\ud83d\\ude00\"",
                                          "\"\\ud83d\"",
                                          "\"\\u0000\"",
                                          ":",
                                          ":",
                                          ":",
                                          ",",
                                          ",",
                                          " ",
                                          "\t",
                                          "[",
                                          "]",
                                          "null",
                                          "true",
                                          "false",
                                          "nul",
                                          "truee",
                                          "0",
                                          "-0",
                                          "12",
                                          "-7",
                                          "01",
                                          "1.50",
                                          "2e3",
                                          "1e999",
                                          "-",
                                          "1.",
                                          "\"x\ty\"",
                                          "\"tail",
                                          "\"\\q\"",
                                          "\"新闻\"",
                                          "{}",
                                          "\"\\n\\\"\"",
                                          "9223372036854775807",
                                          "18446744073709551616",
                                          "-9223372036854775809",
                                          "//",
                                          "'a'"};
  std::mt19937_64 random(4);
  const auto any = [&] { return parts[random() % parts.size()]; };
  FlatObjectReader reader;
  int64_t accepted = 0, refused = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string line = "{";
    for (uint64_t field = random() % 4; field > 0; --field)
      line += cat("\"k", random() % 5, "\": ", any(), field > 1 ? ", " : "");
    line += "}";
    if (random() % 2 == 0) line.insert(random() % (line.size() + 1), any());
    if (random() % 4 == 0) line.erase(random() % line.size(), 1);
    if (!is_utf8(line)) continue;  // never comes this far
    const auto wanted = flat_values(line);
    Document document;
    std::string text = line;
    ASSERT_EQ(reader.read(text, document), wanted.has_value()) << line;
    ASSERT_EQ(text, line);
    (wanted ? accepted : refused) += 1;
    std::map<std::string, std::string> values(document.values.begin(), document.values.end());
    if (!wanted) {
      ASSERT_TRUE(values.empty()) << line;
      continue;
    }
    ASSERT_EQ(values, *wanted) << line;
  }
  EXPECT_GT(accepted, 20'000);
  EXPECT_GT(refused, 20'000);
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
  EXPECT_EQ(format_of("x.html.zst"), "html");
  EXPECT_EQ(format_of("x.txt.xz"), "text");
  EXPECT_EQ(format_of("x.tar"), "");
}

// --- more compressions

std::string xz(const std::string& text) {
  std::string out(text.size() + 1000, '\0');
  size_t size = 0;
  lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const uint8_t*>(text.data()), text.size(),
                          reinterpret_cast<uint8_t*>(out.data()), &size, out.size());
  out.resize(size);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()) + 100, '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return out;
}

TEST(Compression, StreamsFollowEachOtherAndDamageIsNamed) {
  std::string first, second;
  for (int i = 0; i < 30000; ++i) (i < 20000 ? first : second) += cat("line ", i, " of ", i * 7919 % 104729, "\n");
  const std::map<std::string, std::string (*)(const std::string&)> kinds = {
      {"gzip", gzip}, {"bzip2", bzip2}, {"xz", xz}, {"zstd", zstd}};
  for (const auto& [name, compress] : kinds) {
    SCOPED_TRACE(name);
    TempFolder folder;
    const std::string whole = compress(first) + compress(second);
    const std::string path = write_text(folder / name, whole);
    EXPECT_EQ(read_whole(*open_byte_source(path), 1 << 24), first + second);
    EXPECT_EQ(read_all(path, source_of("text")).documents.size(), 30000u);
    EXPECT_TRUE(is_compressed(path));
    EXPECT_FALSE(can_be_cut(path, source_of("text")));
    std::string message;
    for (const size_t size : {whole.size() - 1, whole.size() / 2}) {
      const std::string cut = write_text(folder / "cut", whole.substr(0, size));
      EXPECT_EQ(user_error_codes([&] { read_all(cut, source_of("text")); }, &message),
                std::vector<std::string>{"corpus.damaged_source"});
      EXPECT_NE(message.find(name), std::string::npos) << message;
    }
    std::string flipped = whole;
    for (size_t i = whole.size() / 3; i < whole.size() / 3 + 20; ++i) flipped[i] = static_cast<char>(flipped[i] ^ 0x55);
    EXPECT_EQ(user_error_codes([&] { read_all(write_text(folder / "bad", flipped), source_of("text")); }),
              std::vector<std::string>{"corpus.damaged_source"});
  }
}

// --- encodings

constexpr const char* kGb = "\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7";    // 你好，世界
constexpr const char* kBig5 = "\xa7\x41\xa6\x6e\xa1\x41\xa5\x40\xac\xc9";  // the same in traditional characters
constexpr const char* kHello = "你好，世界";

TEST(Encodings, LinesAreConvertedAndBadOnesSetAside) {
  TempFolder folder;
  for (const auto& [encoding, bytes] : {std::pair{"gb18030", kGb}, std::pair{"big5", kBig5}}) {
    SCOPED_TRACE(encoding);
    SourceConfig source = source_of("tsv");
    source.encoding = encoding;
    // A header in the encoding, a good line, one that is cut in the middle of a character, an ASCII one.
    const std::string text = cat(bytes, "\tn\r\n", bytes, "\t1\r\n\xff\xff\t2\r\nplain\t3\r\n");
    const ReadBack back = read_text(folder, text, source);
    EXPECT_EQ(back.documents, (std::vector<Values>{{{kHello, kHello}, {"n", "1"}}, {{kHello, "plain"}, {"n", "3"}}}));
    EXPECT_EQ(back.rejects, std::vector<std::string>{cat("3@", text.find('\xff'), " invalid_encoding")});
  }
  SourceConfig latin = source_of("text");
  latin.encoding = "latin-1";
  EXPECT_EQ(read_text(folder, "caf\xe9\n", latin).documents, (std::vector<Values>{{{"line", "1"}, {"text", "café"}}}));
}

TEST(Encodings, ThatTheSourceDoesNotNameAreGuessedAndToldOnce) {
  TempFolder folder;
  const auto remedy = [&](const std::string& text, const SourceConfig& source) {
    std::string message;
    const auto codes = user_error_codes([&] { read_text(folder, text, source); }, &message);
    return codes.empty() ? "" : cat(codes[0], " ", message);
  };
  std::string gb, big5, latin, mixed;
  for (int i = 0; i < 40; ++i) {
    gb += cat(kGb, " ", i, "\n");
    big5 += cat(kBig5, " ", i, "\n");
    latin += cat("d\xe9j\xe0 vu, na\xefve caf\xe9 ", i, "\n");
    mixed += cat("caf\xc3\xa9 ", i, i % 3 == 0 ? " \xff" : "", "\n");
  }
  EXPECT_NE(remedy(gb, source_of("text")).find("add encoding: gb18030"), std::string::npos);
  EXPECT_NE(remedy(big5, source_of("text")).find("add encoding: big5"), std::string::npos);
  EXPECT_NE(remedy(latin, source_of("text")).find("add encoding: latin-1"), std::string::npos);
  // A third of the lines is damaged: they are set aside.
  EXPECT_EQ(remedy(mixed, source_of("text")), "");
  SourceConfig wrong = source_of("text");
  wrong.encoding = "gb18030";
  std::string utf8;
  for (int i = 0; i < 10; ++i) utf8 += cat(kHello, "\n");
  EXPECT_NE(remedy(utf8, wrong).find("remove encoding: gb18030"), std::string::npos);
}

TEST(Encodings, OfRangesAreThoseOfTheFile) {
  TempFolder folder;
  SourceConfig source = source_of("text");
  source.encoding = "gb18030";
  std::string text;
  for (int i = 0; i < 100; ++i) text += cat(kGb, i, "\n");
  const std::string path = write_text(folder / "a.txt", text);
  ASSERT_TRUE(can_be_cut(path, source));
  std::vector<std::string> found;
  for (int64_t begin = 0; begin < static_cast<int64_t>(text.size()); begin += 77) {
    const auto importer = open_importer(path, source, 0, {begin, begin + 77});
    Record record;
    while (importer->next(record)) found.push_back(record.document.values["text"]);
  }
  ASSERT_EQ(found.size(), 100u);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(found[i], cat(kHello, i));
}

// --- folders and archives

std::string tar_member(const std::string& name, const std::string& data, char type = '0') {
  std::string header(512, '\0');
  const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  char size[16];
  std::snprintf(size, sizeof size, "%011zo", data.size());
  put(0, name);
  put(100, "0000644");
  put(124, size);
  put(136, "00000000000");
  put(148, "        ");
  header[156] = type;
  put(257, std::string("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06o", sum);
  put(148, std::string(digits, 7));
  std::string padded = data;
  padded.resize((data.size() + 511) / 512 * 512);
  return header + padded;
}

TEST(Archives, GiveTheRecordsOfTheirMembersInOrder) {
  TempFolder folder;
  const std::string end(1024, '\0');
  const std::string tar =
      tar_member("news/", "", '5') + tar_member("news/a.jsonl", "{\"text\": \"one\"}\n{bad\n") +
      tar_member("news/.hidden.jsonl", "{\"text\": \"no\"}\n") + tar_member("news/readme.md", "no format of ours") +
      tar_member("news/b.csv.gz", gzip("text,n\ntwo,2\nthree,3\n")) + tar_member("news/c.txt", "four\n\nfive") + end;
  for (const auto& [name, bytes] : {std::pair{"x.tar", tar}, std::pair{"x.tgz", gzip(tar)},
                                    std::pair{"x.tar.zst", zstd(tar)}, std::pair{"named-otherwise", xz(tar)}}) {
    SCOPED_TRACE(name);
    const std::string path = write_text(folder / name, bytes);
    EXPECT_FALSE(can_be_cut(path, SourceConfig{}));
    const auto importer = open_importer(path, SourceConfig{}, 7);
    std::vector<std::string> seen;
    Record record;
    int64_t line = 0, byte = -1;
    while (importer->next(record)) {
      const SourcePlace& place = record.document.place;
      EXPECT_EQ(place.file, 7);
      EXPECT_GT(place.line, line);
      EXPECT_GT(place.byte, byte);
      line = place.line;
      byte = place.byte;
      seen.push_back(record.rejected ? record.rejection.reason() : record.document.values["text"]);
    }
    EXPECT_EQ(seen.size(), 6u);
    EXPECT_EQ(seen[0], "one");
    EXPECT_NE(seen[1].find("in news/a.jsonl"), std::string::npos) << seen[1];
    EXPECT_EQ(std::vector<std::string>(seen.begin() + 2, seen.end()),
              (std::vector<std::string>{"two", "three", "four", "five"}));
  }
  std::string message;
  const std::string cut = write_text(folder / "cut.tar", tar.substr(0, tar.size() - end.size() - 512 - 100));
  EXPECT_EQ(user_error_codes([&] { read_all(cut, SourceConfig{}); }, &message),
            std::vector<std::string>{"corpus.damaged_source"});
  EXPECT_NE(message.find("cut.tar"), std::string::npos);
}

TEST(Archives, GiveTheMembersThatAFolderOfTheFormatWould) {
  TempFolder folder;
  std::string tar;
  for (const char* name : {"b.jsonl", "2024/a.jsonl.zst", "2024/page.html", "2024/notes.txt", "plain", "_SUCCESS"}) {
    const std::string line = cat("{\"text\": \"", name, "\"}\n");
    tar += tar_member(name, ends_with(name, ".zst") ? zstd(line) : line);
  }
  const std::string path = write_text(folder / "x.tar", tar + std::string(1024, '\0'));
  const auto texts = [&](const std::string& format) {
    std::vector<std::string> found;
    for (const Values& values : read_all(path, source_of(format)).documents) found.push_back(values.at("text"));
    return found;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(texts("jsonl"), (Names{"b.jsonl", "2024/a.jsonl.zst", "plain"}));
  EXPECT_EQ(texts("document"), (Names{"{\"text\": \"2024/notes.txt\"}\n", "{\"text\": \"plain\"}\n"}));
}

TEST(Folders, GiveTheFilesBelowThemThatTheFormatFits) {
  TempFolder folder;
  std::filesystem::create_directories(folder / "d/2024/_temporary");
  std::filesystem::create_directories(folder / "d/.git");
  for (const char* name : {"d/b.jsonl", "d/2024/a.jsonl.zst", "d/2024/page.html", "d/2024/notes.txt", "d/plain",
                           "d/x.tar", "d/_SUCCESS", "d/.git/x.jsonl", "d/2024/_temporary/part.jsonl"})
    write_text(folder / name, "x\n");
  const auto below = [&](const std::string& format) {
    std::vector<std::string> files = expand_files({folder / "d"}, format);
    for (std::string& file : files) file = file.substr((folder / "d/").size());
    return files;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(below(""), (Names{"2024/a.jsonl.zst", "2024/notes.txt", "2024/page.html", "b.jsonl", "x.tar"}));
  EXPECT_EQ(below("jsonl"), (Names{"2024/a.jsonl.zst", "b.jsonl", "plain", "x.tar"}));
  EXPECT_EQ(below("document"), (Names{"2024/notes.txt", "plain", "x.tar"}));
  std::filesystem::create_directories(folder / "empty");
  EXPECT_EQ(user_error_codes([&] { expand_files({folder / "empty"}); }), std::vector<std::string>{"corpus.no_file"});
}

// --- whole files

TEST(Documents, AreWholeFiles) {
  TempFolder folder;
  const std::string path = write_text(folder / "essay.txt",
                                      "\xef\xbb\xbf"
                                      "First.\n\nSecond.\n");
  const ReadBack back = read_all(path, source_of("document"));
  EXPECT_EQ(back.documents, (std::vector<Values>{{{"file", "essay.txt"}, {"text", "First.\n\nSecond.\n"}}}));
  SourceConfig gb = source_of("document");
  EXPECT_EQ(read_text(folder, cat(kGb, "\n", kGb), gb).rejects, std::vector<std::string>{"1@0 invalid_encoding"});
  gb.encoding = "gb18030";
  EXPECT_EQ(read_text(folder, cat(kGb, "\n", kGb), gb).documents[0].at("text"), cat(kHello, "\n", kHello));
}

constexpr const char* kPage = R"(<!DOCTYPE html><html lang="en-GB"><head><title>Harbour reopens | The Paper</title>
<meta property="og:title" content="Harbour reopens"><meta name="author" content="A. Writer">
<meta property="article:published_time" content="2024-03-05T08:00:00Z"><link rel="canonical" href="https://paper.example/harbour">
<script>var hidden = "script text";</script><style>.x { color: red }</style></head>
<body><nav><a href="/">Home</a> <a href="/sport">Sport</a></nav>
<div class="links"><a href="/1">Ten things to see this week</a> <a href="/2">Why ferries are late</a></div>
<article><h1>Harbour reopens</h1>
<p>The harbour reopened on Tuesday after <b>eleven</b> weeks of repairs, and the first ferry left with more passengers than seats &amp; no delay.</p>
<p>Fishermen said that the new quay is higher than the old one,<br>which will matter when the spring tides come in a fortnight.</p>
</article>
<div><a href="/3">More stories about harbours and about ferries and about the sea</a></div>
<footer>All rights reserved by the publisher of this newspaper and its many writers.</footer></body></html>)";

TEST(Html, AnArticleWithoutWhatLiesAroundIt) {
  const HtmlArticle article = read_html(kPage, "", false);
  EXPECT_EQ(
      article.at("text"),
      "Harbour reopens\nThe harbour reopened on Tuesday after eleven weeks of repairs, and the first ferry left with "
      "more passengers than seats & no delay.\nFishermen said that the new quay is higher than the old one, which "
      "will matter when the spring tides come in a fortnight.");
  EXPECT_EQ(article.at("title"), "Harbour reopens");
  EXPECT_EQ(article.at("author"), "A. Writer");
  EXPECT_EQ(article.at("date"), "2024-03-05T08:00:00Z");
  EXPECT_EQ(article.at("language"), "en-GB");
  EXPECT_EQ(article.at("url"), "https://paper.example/harbour");
  const std::string all = read_html(kPage, "", true).at("text");
  for (const char* part : {"Sport", "Ten things", "More stories", "All rights reserved"})
    EXPECT_NE(all.find(part), std::string::npos) << part;
  for (const char* never : {"hidden", "color"}) EXPECT_EQ(all.find(never), std::string::npos) << never;
}

TEST(Html, EncodingsAreThoseThatThePageNames) {
  const std::string body = "<p>" + std::string(kGb) + "</p>";
  EXPECT_EQ(read_html("<html><head><meta charset=\"gb18030\"></head><body>" + body, "", true).at("text"), kHello);
  EXPECT_EQ(read_html("<html><body>" + body, "gb18030", true).at("text"), kHello);
  EXPECT_EQ(read_html(cat("<p>", kHello, "</p>"), "", true).at("text"), kHello);
}

TEST(Html, BrokenAndHostilePagesAreReadAsFarAsTheyGo) {
  EXPECT_EQ(read_html("<p>open <b>bold", "", true).at("text"), "open bold");
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<div>";
  read_html(deep + "text", "", true);
  EXPECT_EQ(read_html("", "", true).count("text"), 0u);
  TempFolder folder;
  const ReadBack back = read_text(folder, std::string("<p>nul \0 byte</p>", 18), source_of("html"));
  EXPECT_EQ(back.rejects, std::vector<std::string>{"1@0 nul_byte"});
}

TEST(Mind, TablesHaveTheirColumns) {
  TempFolder folder;
  const ReadBack news = read_text(
      folder, "N1\tsports\tgolf\tA title\tAn abstract\thttps://x.example\t[]\t[]\nN2\tshort\n", source_of("mind_news"));
  ASSERT_EQ(news.documents.size(), 1u);
  EXPECT_EQ(news.documents[0].at("title"), "A title");
  EXPECT_EQ(news.documents[0].at("news_id"), "N1");
  EXPECT_EQ(news.rejects.size(), 1u);
  const ReadBack log =
      read_text(folder, "1\tU1\t11/15/2019 8:55:22 AM\tN1 N2\tN3-1 N4-0\n", source_of("mind_behaviors"));
  ASSERT_EQ(log.documents.size(), 1u);
  EXPECT_EQ(log.documents[0].at("history"), "N1 N2");
  EXPECT_EQ(log.documents[0].at("impressions"), "N3-1 N4-0");
}

TEST(NameSpans, BecomeOneTagForEachCharacter) {
  TempFolder folder;
  const std::string text =
      "{\"text\": \"王明在北京a\", \"id\": 7, \"label\": {\"name\": {\"王明\": [[0, 1]]}, \"address\": {\"北京\": [[3, "
      "4]]}}}\n{\"text\": \"x\", \"label\": {}}\n";
  const auto importer = open_importer(write_text(folder / "train.json", text), source_of("cluener"), 0);
  Record record;
  ASSERT_TRUE(importer->next(record));
  EXPECT_EQ(record.document.values.at("id"), "7");
  EXPECT_EQ(record.document.lists.at("characters"), (std::vector<std::string>{"王", "明", "在", "北", "京", "a"}));
  EXPECT_EQ(record.document.lists.at("tags"),
            (std::vector<std::string>{"B-name", "I-name", "O", "B-address", "I-address", "O"}));
  ASSERT_TRUE(importer->next(record));
  EXPECT_FALSE(record.rejected);
  EXPECT_EQ(record.document.lists.at("tags"), std::vector<std::string>{"O"});
  EXPECT_FALSE(importer->next(record));
}

TEST(NameSpans, ThatDoNotLieInTheTextAreSetAside) {
  TempFolder folder;
  const std::string deep(200, '[');
  for (const std::string& line : std::vector<std::string>{
           R"({"text": "ab", "label": {"t": {"b": [[0, 0]]}}})", R"({"text": "ab", "label": {"t": {"b": [[1, 2]]}}})",
           R"({"text": "ab", "label": {"t": {"b": [[-1, 1]]}}})", R"({"text": "ab", "label": {"t": {"b": [[1]]}}})",
           R"({"text": "ab", "label": {"t": {"b": [["x", 1]]}}})", R"({"text": "ab", "label": {"t": [1]}})",
           R"({"text": "ab", "label": 5})", R"({"text": "ab"})", R"({"label": {}})", R"([1])", R"({"text": )",
           R"({"text": "a\u0000b", "label": {}})", "{\"text\": \"ab\", \"label\": " + deep,
           R"({"text": "ab", "label": {"t": {"b": [[18446744073709551615, 1]]}}})"}) {
    const ReadBack back = read_text(folder, line + "\n", source_of("cluener"));
    EXPECT_TRUE(back.documents.empty()) << line;
    EXPECT_EQ(back.rejects.size(), 1u) << line;
  }
}

}  // namespace
}  // namespace broadsheet
