#include "core/checksum.h"

#include <gtest/gtest.h>

#include "core/durable.h"
#include "core/errors.h"
#include "scratch_folder.h"

namespace broadsheet {
namespace {

// Test vectors of FIPS 180-4 (NIST's examples).
TEST(Checksum, AgreesWithTheStandardsExamples) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// By the xxhash package of Python, 4.1.0: xxhash.xxh3_128_hexdigest(...).
TEST(Checksum, Xxh3AgreesWithTheReference) {
  EXPECT_EQ(xxh3_hex(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(xxh3_hex("abc"), "06b05ab6733a618578af5f94892f3950");
  EXPECT_EQ(xxh3_hex(std::string(1000000, 'a')), "a545df8e384a9579b1fd6fae5285c4eb");
  Xxh3 sum;
  sum.update("a", 1);
  sum.update("", 0);
  sum.update("bc", 2);
  EXPECT_EQ(sum.hex(), xxh3_hex("abc"));
}

TEST(Checksum, PiecesGiveTheSumOfTheWhole) {
  Sha256 sum;
  sum.update("a");
  sum.update("");
  sum.update("bc");
  EXPECT_EQ(sum.hex(), sha256_hex("abc"));
}

TEST(Checksum, AFileHasTheSumOfItsBytes) {
  const ScratchFolder folder;
  const std::string bytes(3 << 20, 'x');
  write_file_durably(folder / "file", bytes);
  EXPECT_EQ(sha256_file(folder / "file"), sha256_hex(bytes));
  EXPECT_EQ(xxh3_file(folder / "file"), xxh3_hex(bytes));
  EXPECT_THROW(sha256_file(folder / "absent"), RunError);
  EXPECT_THROW(sha256_file(folder.path()), RunError);
}

}  // namespace
}  // namespace broadsheet
