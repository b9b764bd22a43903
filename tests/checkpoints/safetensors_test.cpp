#include "checkpoints/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <functional>
#include <numeric>

#include "checkpoint_testing.h"
#include "core/checksum.h"

namespace broadsheet {
namespace {

const std::string kGood = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  TemporaryFolder folder;
  std::vector<float> floats(6);
  std::iota(floats.begin(), floats.end(), -2.5f);
  const std::vector<int64_t> integers = {1, -1, int64_t{1} << 62};
  const std::vector<uint8_t> bytes = {1, 0, 255};
  const std::vector<float> none;
  const std::vector<TensorView> tensors = {
      view_of("z.weight", DType::kFloat32, {2, 3}, floats), view_of("a", DType::kUInt8, {3}, bytes),
      view_of("empty", DType::kFloat32, {0, 7}, none), view_of("schöne \"Grüße\"", DType::kInt64, {3}, integers),
      view_of("scalar", DType::kFloat32, {}, std::span(floats).first(1))};
  const std::string path = folder / "x.safetensors";
  const WrittenFile written = write_safetensors(path, tensors, {{"format", "pt"}, {"who", "test"}});
  EXPECT_EQ(written.size, std::filesystem::file_size(path));
  EXPECT_EQ(written.xxh3, xxh3_file(path));

  const SafetensorsFile file = SafetensorsFile::open(path);
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorView& read = file.tensors()[i];
    EXPECT_EQ(read.name, tensors[i].name);
    EXPECT_EQ(read.dtype, tensors[i].dtype);
    EXPECT_EQ(read.shape, tensors[i].shape);
    ASSERT_EQ(read.bytes.size(), tensors[i].bytes.size());
    EXPECT_TRUE(std::equal(read.bytes.begin(), read.bytes.end(), tensors[i].bytes.begin()));
  }
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}, {"who", "test"}}));
  EXPECT_EQ(file.find("a"), &file.tensors()[1]);
  EXPECT_EQ(file.find("absent"), nullptr);
}

TEST(Safetensors, EveryDtypeKeepsItsNameAndSize) {
  const std::vector<std::pair<DType, std::pair<std::string, size_t>>> wanted = {
      {DType::kFloat32, {"F32", 4}},
      {DType::kFloat16, {"F16", 2}},
      {DType::kBFloat16, {"BF16", 2}},
      {DType::kFloat64, {"F64", 8}},
      {DType::kInt64, {"I64", 8}},
      {DType::kInt32, {"I32", 4}},
      {DType::kInt16, {"I16", 2}},
      {DType::kInt8, {"I8", 1}},
      {DType::kUInt8, {"U8", 1}},
      {DType::kBool, {"BOOL", 1}},
      {DType::kUInt16, {"U16", 2}},
      {DType::kUInt32, {"U32", 4}},
      {DType::kUInt64, {"U64", 8}},
      {DType::kComplex64, {"C64", 8}},
      {DType::kFloat8E5M2, {"F8_E5M2", 1}},
      {DType::kFloat8E4M3, {"F8_E4M3", 1}},
      {DType::kFloat8E8M0, {"F8_E8M0", 1}},
      {DType::kFloat8E5M2Fnuz, {"F8_E5M2FNUZ", 1}},
      {DType::kFloat8E4M3Fnuz, {"F8_E4M3FNUZ", 1}}};
  for (const auto& [dtype, expected] : wanted) {
    EXPECT_EQ(dtype_name(dtype), expected.first);
    EXPECT_EQ(item_size(dtype), expected.second);
    TemporaryFolder folder;
    const std::string header = "{\"t\":{\"dtype\":\"" + expected.first + "\",\"shape\":[3],\"data_offsets\":[0," +
                               std::to_string(3 * expected.second) + "]}}";
    put_file(folder / "x", raw_safetensors(header, 3 * expected.second));
    EXPECT_EQ(SafetensorsFile::open(folder / "x").tensors().at(0).dtype, dtype);
  }
}

TEST(Safetensors, ItemsSmallerThanAByteMustFillTheirBytes) {
  TemporaryFolder folder;
  const auto code_of = [&](const std::string& dtype, int items, size_t bytes) {
    put_file(folder / "x", raw_safetensors("{\"t\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + std::to_string(items) +
                                               "],\"data_offsets\":[0," + std::to_string(bytes) + "]}}",
                                           bytes));
    return user_error_code([&] { SafetensorsFile::open(folder / "x"); });
  };
  EXPECT_EQ(code_of("F4", 2, 1), "");
  EXPECT_EQ(code_of("F4", 3, 2), "safetensors.shape");
  EXPECT_EQ(code_of("F4", 4, 3), "safetensors.shape");
  EXPECT_EQ(code_of("F6_E2M3", 4, 3), "");
  EXPECT_EQ(code_of("F6_E3M2", 3, 3), "safetensors.shape");
  put_file(folder / "x", raw_safetensors(R"({"t":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", 1));
  write_safetensors(folder / "copy", SafetensorsFile::open(folder / "x").tensors(), {});
  EXPECT_EQ(SafetensorsFile::open(folder / "copy").tensors().at(0).dtype, DType::kFloat4);
}

TEST(Safetensors, WhatTheFormatAllowsIsReadHoweverOdd) {
  TemporaryFolder folder;
  const std::string rest = R"("dtype":"U8","shape":[1],"data_offsets":[0,1])";
  std::string deep = "1";
  for (int i = 0; i < 125; ++i) deep = i % 2 == 0 ? "[" + deep + "]" : "{\"dtype\":" + deep + "}";
  for (const std::string& header :
       {"{\"\":{" + rest + "}}", "{\"a\\u0000\\u001b[2J\":{" + rest + "}}",
        "{\"" + std::string(5000, 'n') + "\":{" + rest + "}}", "{\"a\":{\"stride\":[1,{\"shape\":null}]," + rest + "}}",
        "{\"a\":{" + rest + ",\"x\":" + deep + "}}", "{\"a\":{\"x\":-1e3," + rest + "}}\n\t\r "}) {
    put_file(folder / "x", raw_safetensors(header, 1));
    EXPECT_EQ(user_error_code([&] { SafetensorsFile::open(folder / "x"); }), "") << header;
  }
  // Empty tensors take no place, wherever they say they are; the product is taken in the order of the shape.
  put_file(folder / "x",
           raw_safetensors(R"({"a":{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}})", 0));
  EXPECT_EQ(SafetensorsFile::open(folder / "x").tensors().at(0).bytes.size(), 0u);
}

TEST(Safetensors, AFileThatIsChangedWhileItIsReadIsAnErrorAndNoSignal) {
  TemporaryFolder folder;
  const std::vector<std::byte> values(size_t{1} << 20, std::byte{7});
  std::vector<std::byte> target(values.size());
  const TensorView tensor = view_of("a", DType::kUInt8, {1 << 20}, values);
  const auto code_after = [&](const std::function<void(const std::string&)>& change) -> std::string {
    const std::string path = folder / "x";
    std::filesystem::remove(path);
    write_safetensors(path, {tensor}, {});
    const SafetensorsFile file = SafetensorsFile::open(path);
    change(path);
    try {
      copy_bytes(*file.find("a"), target.data());
      write_safetensors(folder / "copy", file.tensors(), {});
    } catch (const RunError& error) {
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
      return error.faults().front().code;
    }
    std::filesystem::remove(folder / "copy");
    return "";
  };
  EXPECT_EQ(code_after([](const std::string&) {}), "");
  EXPECT_EQ(target, values);
  EXPECT_EQ(code_after([](const std::string& path) { std::filesystem::resize_file(path, 0); }), "io.changed");
  EXPECT_EQ(code_after([](const std::string& path) { std::filesystem::resize_file(path, 300'000); }), "io.changed");
  EXPECT_EQ(code_after([](const std::string& path) { std::filesystem::resize_file(path, 3 << 20); }), "io.changed");
  EXPECT_EQ(code_after([](const std::string& path) {
              std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(500'000).write("other", 5);
              const timespec now[2] = {{0, UTIME_OMIT}, {1, 0}};  // whatever the clock's grain
              ::utimensat(AT_FDCWD, path.c_str(), now, 0);
            }),
            "io.changed");
  // Another file under the name is not the one that was opened.
  EXPECT_EQ(code_after([&](const std::string& path) {
              put_file(folder / "y", "rubbish");
              std::filesystem::rename(folder / "y", path);
            }),
            "");
}

TEST(Safetensors, ViewsStayValidWhenTheFileObjectMoves) {
  TemporaryFolder folder;
  put_file(folder / "x", raw_safetensors(kGood, 8));
  SafetensorsFile first = SafetensorsFile::open(folder / "x");
  const TensorView* tensor = first.find("a");
  const SafetensorsFile second = std::move(first);
  EXPECT_EQ(second.find("a"), tensor);
  EXPECT_EQ(std::to_integer<int>(tensor->bytes[7]), 0x11);
}

TEST(Safetensors, FilesOfOtherWritersAreReadWhateverTheirOrderAndBlanks) {
  TemporaryFolder folder;
  // Ranges in another order than the header's, blanks after the header, no metadata, data not on a multiple of eight.
  const std::string header = R"({ "b":{"shape":[1],"data_offsets":[2,6],"dtype":"F32"},)"
                             R"("a":{"dtype":"F16","shape":[1,1],"data_offsets":[0,2]} }   )";
  put_file(folder / "x", raw_safetensors(header, 6));
  const SafetensorsFile file = SafetensorsFile::open(folder / "x");
  EXPECT_EQ(file.tensors().at(0).name, "b");
  EXPECT_EQ(file.find("a")->bytes.size(), 2u);
  put_file(folder / "none", raw_safetensors("{}", 0));
  EXPECT_TRUE(SafetensorsFile::open(folder / "none").tensors().empty());
}

struct Hostile {
  const char* rule;
  std::string bytes;
  const char* code;
};

// One entry with these fields.
std::string entry(const std::string& fields, size_t data = 8) {
  return raw_safetensors("{\"a\":{" + fields + "}}", data);
}

std::vector<Hostile> hostile_headers() {
  const std::string shape = R"("shape":[2])", dtype = R"("dtype":"F32")", offsets = R"("data_offsets":[0,8])";
  const std::string big = "18446744073709551615";
  return {
      {"a list as header", raw_safetensors("[]", 0), "safetensors.header"},
      {"a text as header", raw_safetensors("\"a\"", 0), "safetensors.header"},
      {"a number as header", raw_safetensors("7", 0), "safetensors.header"},
      {"an empty header", raw_safetensors("", 0), "safetensors.header"},
      {"blanks before the header", raw_safetensors(" " + kGood, 8), "safetensors.header"},
      {"NULs after the header", raw_safetensors(kGood + std::string(2, '\0'), 8), "safetensors.header"},
      {"text hidden behind a NUL", raw_safetensors(kGood + std::string(1, '\0') + "{}", 8), "safetensors.header"},
      {"text after the header", raw_safetensors(kGood + "x", 8), "safetensors.header"},
      {"a second object after the header", raw_safetensors(kGood + "{}", 8), "safetensors.header"},
      {"an unfinished header", raw_safetensors(kGood.substr(0, kGood.size() - 1), 8), "safetensors.header"},
      {"single quotes", raw_safetensors("{'a':1}", 0), "safetensors.header"},
      {"a comment", raw_safetensors("{/**/}", 0), "safetensors.header"},
      {"a trailing comma", raw_safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},})", 8),
       "safetensors.header"},
      {"invalid UTF-8 in a name", raw_safetensors("{\"\xff\":{}}", 0), "safetensors.header"},
      {"a lone surrogate in a name", raw_safetensors(R"({"\ud800":{}})", 0), "safetensors.header"},
      {"a number too large for a double", entry(dtype + R"(,"shape":[1e999],)" + offsets), "safetensors.header"},
      {"very deep lists", raw_safetensors("{\"a\":" + std::string(200000, '['), 0), "safetensors.header"},
      {"very deep objects",
       [] {
         std::string text;
         for (int i = 0; i < 100000; ++i) text += "{\"a\":";
         return raw_safetensors(text, 0);
       }(),
       "safetensors.header"},
      {"a number as tensor", raw_safetensors(R"({"a":1})", 0), "safetensors.field"},
      {"null as tensor", raw_safetensors(R"({"a":null})", 0), "safetensors.field"},
      {"a text as tensor", raw_safetensors(R"({"a":"b"})", 0), "safetensors.field"},
      {"true as tensor", raw_safetensors(R"({"a":true})", 0), "safetensors.field"},
      {"a list as tensor", raw_safetensors(R"({"a":[]})", 0), "safetensors.header"},
      {"an empty entry", entry("", 0), "safetensors.field"},
      {"no dtype", entry(shape + "," + offsets), "safetensors.field"},
      {"no shape", entry(dtype + "," + offsets), "safetensors.field"},
      {"no offsets", entry(dtype + "," + shape), "safetensors.field"},
      {"an unknown field twice", entry(dtype + "," + shape + "," + offsets + R"(,"x":1,"x":2)"),
       "safetensors.duplicate"},
      {"an unknown field nested too deep",
       entry(dtype + "," + shape + "," + offsets + ",\"x\":" + std::string(126, '[') + std::string(126, ']')),
       "safetensors.header"},
      {"an unknown field that is no JSON", entry(dtype + "," + shape + "," + offsets + R"(,"x":NaN)"),
       "safetensors.header"},
      {"dtype twice", entry(dtype + "," + dtype + "," + shape + "," + offsets), "safetensors.duplicate"},
      {"shape twice", entry(dtype + "," + shape + "," + shape + "," + offsets), "safetensors.duplicate"},
      {"offsets twice", entry(dtype + "," + shape + "," + offsets + "," + offsets), "safetensors.duplicate"},
      {"a tensor twice",
       raw_safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                       2),
       "safetensors.duplicate"},
      {"metadata twice", raw_safetensors(R"({"__metadata__":{},"__metadata__":{}})", 0), "safetensors.duplicate"},
      {"a metadata key twice", raw_safetensors(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "safetensors.duplicate"},
      {"a number in metadata", raw_safetensors(R"({"__metadata__":{"a":1}})", 0), "safetensors.field"},
      {"an object in metadata", raw_safetensors(R"({"__metadata__":{"a":{}}})", 0), "safetensors.header"},
      {"a list in metadata", raw_safetensors(R"({"__metadata__":{"a":[]}})", 0), "safetensors.header"},
      {"metadata that is a text", raw_safetensors(R"({"__metadata__":"a"})", 0), "safetensors.field"},
      {"metadata that is null", raw_safetensors(R"({"__metadata__":null})", 0), "safetensors.field"},
      {"an unknown dtype", entry(R"("dtype":"F33",)" + shape + "," + offsets), "safetensors.dtype"},
      {"a dtype in lower case", entry(R"("dtype":"f32",)" + shape + "," + offsets), "safetensors.dtype"},
      {"an empty dtype", entry(R"("dtype":"",)" + shape + "," + offsets), "safetensors.dtype"},
      {"a number as dtype", entry(R"("dtype":32,)" + shape + "," + offsets), "safetensors.field"},
      {"a list as dtype", entry(R"("dtype":["F32"],)" + shape + "," + offsets), "safetensors.header"},
      {"a number as shape", entry(dtype + R"(,"shape":2,)" + offsets), "safetensors.field"},
      {"a text as shape", entry(dtype + R"(,"shape":"2",)" + offsets), "safetensors.field"},
      {"a list inside the shape", entry(dtype + R"(,"shape":[[2]],)" + offsets), "safetensors.header"},
      {"an object inside the shape", entry(dtype + R"(,"shape":[{}],)" + offsets), "safetensors.header"},
      {"a text inside the shape", entry(dtype + R"(,"shape":["2"],)" + offsets), "safetensors.field"},
      {"a negative dimension", entry(dtype + R"(,"shape":[-2],)" + offsets), "safetensors.field"},
      {"two negative dimensions", entry(dtype + R"(,"shape":[-1,-2],)" + offsets), "safetensors.field"},
      {"a fractional dimension", entry(dtype + R"(,"shape":[2.0],)" + offsets), "safetensors.field"},
      {"a dimension above 63 bits", entry(dtype + R"(,"shape":[)" + big + "]," + offsets), "safetensors.shape"},
      {"a dimension above 64 bits", entry(dtype + R"(,"shape":[1)" + big + "]," + offsets), "safetensors.field"},
      {"a product that wraps to fit", entry(dtype + R"(,"shape":[4611686018427387906,1],)" + offsets),
       "safetensors.shape"},
      {"a product of three that wraps", entry(dtype + R"(,"shape":[4294967296,4294967296,2],)" + offsets),
       "safetensors.shape"},
      {"too many dimensions",
       entry(dtype + R"(,"shape":[2)" +
             [] {
               std::string ones;
               for (int i = 0; i < 64; ++i) ones += ",1";
               return ones;
             }() +
             "]," + offsets),
       "safetensors.shape"},
      {"a shape smaller than the range", entry(dtype + R"(,"shape":[1],)" + offsets), "safetensors.shape"},
      {"a shape larger than the range", entry(dtype + R"(,"shape":[3],)" + offsets), "safetensors.shape"},
      {"an empty shape with a range of two", entry(dtype + R"(,"shape":[],)" + offsets), "safetensors.shape"},
      {"a zero dimension with a range", entry(dtype + R"(,"shape":[0],)" + offsets), "safetensors.shape"},
      {"one offset", entry(dtype + "," + shape + R"(,"data_offsets":[0])"), "safetensors.offsets"},
      {"no offset", entry(dtype + "," + shape + R"(,"data_offsets":[])"), "safetensors.offsets"},
      {"three offsets", entry(dtype + "," + shape + R"(,"data_offsets":[0,8,8])"), "safetensors.offsets"},
      {"a number as offsets", entry(dtype + "," + shape + R"(,"data_offsets":8)"), "safetensors.field"},
      {"a negative offset", entry(dtype + "," + shape + R"(,"data_offsets":[-8,0])"), "safetensors.field"},
      {"offsets the wrong way round", entry(dtype + "," + shape + R"(,"data_offsets":[8,0])"), "safetensors.offsets"},
      {"a range past the end", entry(dtype + "," + shape + R"(,"data_offsets":[8,16])"), "safetensors.offsets"},
      {"a range just past the end", entry(dtype + "," + shape + "," + offsets, 7), "safetensors.offsets"},
      {"a range at the end of 64 bits",
       entry(dtype + R"(,"shape":[2],"data_offsets":[18446744073709551607,)" + big + "]"), "safetensors.offsets"},
      {"an offset above 64 bits", entry(dtype + "," + shape + R"(,"data_offsets":[0,1)" + big + "]"),
       "safetensors.field"},
      {"a hole before the first tensor", entry(dtype + R"(,"shape":[1],"data_offsets":[4,8])"), "safetensors.hole"},
      {"a hole between two tensors",
       raw_safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                       3),
       "safetensors.hole"},
      {"two tensors on the same bytes",
       raw_safetensors(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                       2),
       "safetensors.overlap"},
      {"two tensors that overlap by one byte",
       raw_safetensors(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                       3),
       "safetensors.overlap"},
      {"one tensor inside another",
       raw_safetensors(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                       R"("b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                       4),
       "safetensors.overlap"},
      {"an empty tensor in the middle of another",
       raw_safetensors(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                       R"("b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
                       4),
       "safetensors.overlap"},
      {"bytes after the last tensor", entry(dtype + "," + shape + "," + offsets, 9), "safetensors.trailing"},
      {"data without any tensor", raw_safetensors("{}", 1), "safetensors.trailing"},
      {"a product that wraps before a zero",
       entry(dtype + R"(,"shape":[4294967296,4294967296,0],"data_offsets":[0,0])", 0), "safetensors.shape"},
      {"a list in the place of an entry", raw_safetensors(R"({"a":["F32",[2],[0,8]]})", 8), "safetensors.header"},
  };
}

std::vector<Hostile> hostile_frames() {
  return {
      {"nothing", "", "safetensors.truncated"},
      {"one byte", "\x01", "safetensors.truncated"},
      {"half a size", std::string(7, '\0'), "safetensors.truncated"},
      {"a header of no bytes", little_endian_size(0), "safetensors.header"},
      {"a header one byte longer than the file", little_endian_size(kGood.size() + 9) + kGood + "12345678",
       "safetensors.header_size"},
      {"a header above 100 MB", little_endian_size(100'000'001) + kGood, "safetensors.header_size"},
      {"a header of 2^64 - 1 bytes", little_endian_size(UINT64_MAX) + kGood, "safetensors.header_size"},
      {"a header that wraps with its size", little_endian_size(UINT64_MAX - 7) + kGood, "safetensors.header_size"},
      {"a header of 2^63 bytes", little_endian_size(uint64_t{1} << 63) + kGood, "safetensors.header_size"},
      {"JSON without a size", kGood, "safetensors.header_size"},
      {"a web page", "<!DOCTYPE html><html><head><title>404</title></head></html>", "safetensors.header_size"},
      {"a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
       "safetensors.pointer"},
      {"a zip archive", std::string("PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00\x00\x00", 14) + "archive/data.pkl",
       "model.pickle"},
      {"an empty zip archive", "PK\x05\x06" + std::string(18, '\0'), "model.pickle"},
      {"a raw pickle of protocol 2", std::string("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.", 15), "model.pickle"},
      {"a raw pickle of protocol 4", std::string("\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}", 12), "model.pickle"},
      {"a raw pickle of protocol 5", std::string("\x80\x05}q\x00.", 6), "model.pickle"},
  };
}

void expect_refused(const std::vector<Hostile>& cases) {
  TemporaryFolder folder;
  for (const Hostile& hostile : cases) {
    const std::string path = folder / "hostile.safetensors";
    put_file(path, hostile.bytes);
    std::string message;
    EXPECT_EQ(user_error_code([&] { SafetensorsFile::open(path); }, &message), hostile.code)
        << hostile.rule << ": " << message;
    EXPECT_NE(message.find(path), std::string::npos) << hostile.rule << ": the message does not name the file";
    EXPECT_LT(message.size(), 1500u) << hostile.rule;
  }
}

TEST(Safetensors, EveryRuleOfTheHeaderIsChecked) {
  const std::vector<Hostile> cases = hostile_headers();
  EXPECT_GE(cases.size(), 60u);
  expect_refused(cases);
}

TEST(Safetensors, FramesThatAreNotSafetensorsAreRefused) {
  expect_refused(hostile_frames());
}

TEST(Safetensors, AHeaderThatBeginsLikeAPickleIsStillRead) {
  TemporaryFolder folder;
  std::string header = kGood;
  header.resize(0x280, ' ');  // its size's bytes are 80 02, a pickle's first
  put_file(folder / "x", raw_safetensors(header, 8));
  EXPECT_EQ(SafetensorsFile::open(folder / "x").tensors().size(), 1u);
}

TEST(Safetensors, APickleIsRefusedWithTheCommandThatConvertsIt) {
  TemporaryFolder folder;
  const std::string path = folder / "it's.bin";
  put_file(path, std::string("\x80\x02}q\x00.", 6));
  std::string message;
  EXPECT_EQ(user_error_code([&] { SafetensorsFile::open(path); }, &message), "model.pickle");
  EXPECT_NE(message.find("python3 -c"), std::string::npos);
  EXPECT_NE(message.find("weights_only=True"), std::string::npos);
  EXPECT_NE(message.find("it'\\''s.bin'"), std::string::npos) << message;
}

TEST(Safetensors, ATruncatedFileIsRefusedAtEveryLength) {
  TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3, 4};
  write_safetensors(folder / "whole", {view_of("a", DType::kFloat32, {2, 2}, values)}, {{"format", "pt"}});
  const std::string whole = get_file(folder / "whole");
  for (size_t length = 0; length < whole.size(); ++length) {
    put_file(folder / "cut", whole.substr(0, length));
    EXPECT_NE(user_error_code([&] { SafetensorsFile::open(folder / "cut"); }), "") << "at length " << length;
  }
}

TEST(Safetensors, WhatIsNoRegularFileIsRefusedAtOnce) {
  TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  for (const std::string& path : {folder.path(), folder / "fifo", folder / "absent", std::string("/dev/zero")}) {
    EXPECT_EQ(user_error_code([&] { SafetensorsFile::open(path); }), "safetensors.open") << path;
  }
}

TEST(Safetensors, WritingOverAnExistingFileIsRefused) {
  TemporaryFolder folder;
  put_file(folder / "x", "precious");
  EXPECT_THROW(write_safetensors(folder / "x", {}, {}), RunError);
  EXPECT_EQ(get_file(folder / "x"), "precious");
}

TEST(Safetensors, AWriterThatContradictsItselfIsABugOfOurs) {
  TemporaryFolder folder;
  const std::vector<float> values(4);
  const TensorView wrong = view_of("a", DType::kFloat32, {3}, values);
  const TensorView right = view_of("a", DType::kFloat32, {4}, values);
  EXPECT_THROW(write_safetensors(folder / "x", {wrong}, {}), InternalError);
  EXPECT_THROW(write_safetensors(folder / "x", {right, right}, {}), InternalError);
}

}  // namespace
}  // namespace broadsheet
