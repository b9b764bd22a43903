#include "core/file_system.h"

#include <gtest/gtest.h>

namespace broadsheet {
namespace {

constexpr const char* kMounts =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "30 22 0:40 / /data rw,nosuid shared:2 master:1 - nfs4 server:/export rw,hard\n"
    "31 30 0:41 / /data/hot\\040set ro - tmpfs tmpfs rw\n";

TEST(FileSystem, IsThatOfTheDeepestMountPoint) {
  EXPECT_EQ(file_system_of("/home/me/corpus", kMounts), "/ (ext4, /dev/vda)");
  EXPECT_EQ(file_system_of("/data/news", kMounts), "/data (nfs4, server:/export)");
  EXPECT_EQ(file_system_of("/data", kMounts), "/data (nfs4, server:/export)");
  EXPECT_EQ(file_system_of("/database", kMounts), "/ (ext4, /dev/vda)");
  EXPECT_EQ(file_system_of("/data/hot set/a", kMounts), "/data/hot set (tmpfs, tmpfs)");
}

TEST(FileSystem, WhatIsMountedLastLiesOnTop) {
  EXPECT_EQ(file_system_of("/data/x", std::string(kMounts) + "40 30 0:50 / /data rw - xfs /dev/sdb1 rw\n"),
            "/data (xfs, /dev/sdb1)");
}

TEST(FileSystem, WithoutATableItIsUnknown) {
  EXPECT_EQ(file_system_of("/x", ""), "an unknown file system");
  EXPECT_EQ(file_system_of("/x", "rubbish\n\n1 2 3\n"), "an unknown file system");
}

TEST(FileSystem, OfThisMachineHasAName) {
  EXPECT_EQ(file_system_of("/proc/self").rfind("/proc (proc, ", 0), 0u) << file_system_of("/proc/self");
}

}  // namespace
}  // namespace broadsheet
