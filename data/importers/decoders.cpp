#include "data/importers/decoders.h"

#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

// More than any usual level asks for; a file that asks for more would take the machine's memory.
constexpr uint64_t kMostMemory = uint64_t{256} << 20;
constexpr int kLargestZstdWindow = 27;  // 2^27 bytes, what the zstd program allows too

// zlib, bzip2 and xz move the same four members forward.
template <class Stream, class In, class Out>
void give(Stream& stream, const ConstWindow& in, const Window& out) {
  stream.next_in = reinterpret_cast<In>(const_cast<char*>(in.data));
  stream.avail_in = static_cast<decltype(stream.avail_in)>(in.size);
  stream.next_out = reinterpret_cast<Out>(out.data);
  stream.avail_out = static_cast<decltype(stream.avail_out)>(out.size);
}
template <class Stream>
void take(const Stream& stream, ConstWindow& in, Window& out) {
  in.data += in.size - stream.avail_in;
  in.size = stream.avail_in;
  out.data += out.size - stream.avail_out;
  out.size = stream.avail_out;
}

class Gzip : public Decoder {
 public:
  Gzip() { BROADSHEET_ASSERT(inflateInit2(&stream_, 15 + 16) == Z_OK); }
  ~Gzip() override { inflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  void begin() override { inflateReset(&stream_); }
  State decode(ConstWindow& in, Window& out) override {
    give<z_stream, Bytef*, Bytef*>(stream_, in, out);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    take(stream_, in, out);
    if (code == Z_STREAM_END) return State::kEnd;
    return code == Z_OK || code == Z_BUF_ERROR ? State::kMore : State::kCorrupt;
  }
  const char* name() const override { return "gzip"; }
  bool zeros_may_follow() const override { return true; }

 private:
  z_stream stream_{};
};

class Bzip2 : public Decoder {
 public:
  Bzip2() = default;
  ~Bzip2() override { BZ2_bzDecompressEnd(&stream_); }
  Bzip2(const Bzip2&) = delete;
  Bzip2& operator=(const Bzip2&) = delete;
  void begin() override {
    BZ2_bzDecompressEnd(&stream_);
    stream_ = {};
    BROADSHEET_ASSERT(BZ2_bzDecompressInit(&stream_, 0, 0) == BZ_OK);
  }
  State decode(ConstWindow& in, Window& out) override {
    give<bz_stream, char*, char*>(stream_, in, out);
    const int code = BZ2_bzDecompress(&stream_);
    take(stream_, in, out);
    if (code == BZ_STREAM_END) return State::kEnd;
    return code == BZ_OK ? State::kMore : State::kCorrupt;
  }
  const char* name() const override { return "bzip2"; }

 private:
  bz_stream stream_{};
};

class Xz : public Decoder {
 public:
  Xz() = default;
  ~Xz() override { lzma_end(&stream_); }
  Xz(const Xz&) = delete;
  Xz& operator=(const Xz&) = delete;
  void begin() override { BROADSHEET_ASSERT(lzma_stream_decoder(&stream_, kMostMemory, 0) == LZMA_OK); }
  State decode(ConstWindow& in, Window& out) override {
    give<lzma_stream, const uint8_t*, uint8_t*>(stream_, in, out);
    const lzma_ret code = lzma_code(&stream_, LZMA_RUN);
    take(stream_, in, out);
    if (code == LZMA_STREAM_END) return State::kEnd;
    return code == LZMA_OK || code == LZMA_BUF_ERROR ? State::kMore : State::kCorrupt;
  }
  const char* name() const override { return "xz"; }
  bool zeros_may_follow() const override { return true; }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

class Zstandard : public Decoder {
 public:
  Zstandard() : stream_(ZSTD_createDStream()) {
    BROADSHEET_ASSERT(stream_ != nullptr);
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kLargestZstdWindow);
  }
  ~Zstandard() override { ZSTD_freeDStream(stream_); }
  Zstandard(const Zstandard&) = delete;
  Zstandard& operator=(const Zstandard&) = delete;
  void begin() override { ZSTD_DCtx_reset(stream_, ZSTD_reset_session_only); }
  State decode(ConstWindow& in, Window& out) override {
    ZSTD_inBuffer input{in.data, in.size, 0};
    ZSTD_outBuffer output{out.data, out.size, 0};
    const size_t code = ZSTD_decompressStream(stream_, &output, &input);
    in = {in.data + input.pos, in.size - input.pos};
    out = {out.data + output.pos, out.size - output.pos};
    if (ZSTD_isError(code) != 0) return State::kCorrupt;
    return code == 0 ? State::kEnd : State::kMore;
  }
  const char* name() const override { return "zstd"; }

 private:
  ZSTD_DStream* stream_;
};

}  // namespace

std::unique_ptr<Decoder> decoder_for(std::string_view head) {
  if (starts_with(head, "\x1f\x8b")) return std::make_unique<Gzip>();
  if (head.size() >= kLongestMagic && starts_with(head, "BZh") && head.substr(4, 6) == "1AY&SY")
    return std::make_unique<Bzip2>();
  if (starts_with(head, std::string_view("\xfd\x37zXZ\0", 6))) return std::make_unique<Xz>();
  if (starts_with(head, "\x28\xb5\x2f\xfd")) return std::make_unique<Zstandard>();
  return nullptr;
}

}  // namespace broadsheet
