// Damaged files never crash the reader, hang it or end in anything but a UserError. The damage is the same in every
// run.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "../core/scratch_folder.h"
#include "core/durable.h"
#include "core/random.h"
#include "core/text.h"
#include "experiments/config_tables.h"
#include "experiments/sweep/sweep_config.h"
#include "experiments/yaml.h"

namespace broadsheet {
namespace {

std::vector<std::string> seeds() {
  std::vector<std::string> paths, texts;
  for (const char* folder : {"/good", "/bad"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(cat(BROADSHEET_SOURCE_DIR, "/tests/configs", folder))) {
      if (entry.path().extension() == ".yaml") paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    std::string text = read_file(path);
    // Sweeps name a run file beside them; the damaged ones lie elsewhere.
    if (const size_t run = text.find("\nrun: run_"); run != std::string::npos) {
      text.insert(run + 6, cat(BROADSHEET_SOURCE_DIR, "/tests/configs/good/"));
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : stream_(mix(1, seed)) {}
  std::string mutate(std::string text, const std::string& other) {
    static const std::vector<std::string> kPieces = {"[",
                                                     "]",
                                                     "{",
                                                     "}",
                                                     ": ",
                                                     "\n",
                                                     "\n  ",
                                                     "- ",
                                                     "&a ",
                                                     "*a",
                                                     "<<: ",
                                                     "\"",
                                                     "'",
                                                     "|",
                                                     ">",
                                                     "#",
                                                     "!!x ",
                                                     "? ",
                                                     "---\n",
                                                     "...\n",
                                                     "%YAML 9.9\n",
                                                     "\t",
                                                     std::string("\0", 1),
                                                     "\xFF",
                                                     "\xC3\xA9",
                                                     "1e999",
                                                     "-",
                                                     "~",
                                                     "${env:",
                                                     "}",
                                                     "0x",
                                                     "[[[[[[[[",
                                                     "\\u0000",
                                                     "@",
                                                     "`",
                                                     ","};
    const int count = 1 + static_cast<int>(below(4));
    for (int i = 0; i < count; ++i) {
      const size_t at = below(text.size() + 1), length = std::min<size_t>(below(20), text.size() - at);
      switch (below(5)) {
        case 0:
          text.erase(at, length);
          break;
        case 1:
          text.insert(at, kPieces[below(kPieces.size())]);
          break;
        case 2:
          text.insert(at, text.substr(at, length));
          break;
        case 3:
          text = text.substr(0, at) + other.substr(std::min(other.size(), below(other.size() + 1)));
          break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(below(256));
          break;
      }
    }
    return text;
  }
  size_t below(size_t bound) { return stream_.below(next_++, static_cast<uint32_t>(bound)); }

 private:
  RandomStream stream_;
  uint64_t next_ = 0;
};

void read_everything(const std::string& path, const std::string& text, int& refused, int& good) {
  std::ofstream(path, std::ios::binary) << text;
  try {
    const std::string kind = file_kind(path);
    if (kind == "corpus") {
      load_corpus_config(path, {});
    } else if (kind == "sweep") {
      load_sweep(path, {});
    } else {
      load_run_config(path, {});
    }
    ++good;
  } catch (const UserError& error) {
    ++refused;
    for (const Fault& fault : error.faults()) {
      EXPECT_FALSE(fault.what.empty());
      EXPECT_EQ(fault.what.find('\n'), std::string::npos) << fault.what;
    }
  }
}

TEST(ConfigFuzz, DamagedFilesGiveUserErrors) {
  const std::vector<std::string> texts = seeds();
  const ScratchFolder folder;
  int refused = 0, good = 0;
  for (uint64_t round = 0; round < 6000; ++round) {
    Mutator mutator(round);
    const std::string& one = texts[mutator.below(texts.size())];
    const std::string& other = texts[mutator.below(texts.size())];
    const std::string text = mutator.mutate(one, other);
    SCOPED_TRACE(cat("round ", round));
    ASSERT_NO_THROW(read_everything(folder / "file.yaml", text, refused, good));
  }
  EXPECT_GT(refused, 3000);
  EXPECT_GT(good, 5);
}

TEST(ConfigFuzz, DamagedSetsGiveUserErrors) {
  const std::string path = BROADSHEET_SOURCE_DIR "/tests/configs/good/run_everything.yaml";
  for (uint64_t round = 0; round < 2000; ++round) {
    Mutator mutator(1'000'000 + round);
    const Override set{mutator.mutate("train.learning_rate", "a.b"), mutator.mutate("{a: [1e-5, 'x']}", "1e-4")};
    try {
      load_run_config(path, {set});
    } catch (const UserError& error) {
      EXPECT_FALSE(error.faults().empty());
    }
  }
}

}  // namespace
}  // namespace broadsheet
