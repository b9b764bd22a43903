// Lines that many documents of a corpus have: navigation, notices, the name of the paper.
//
// After CCNet (Wenzek et al., "CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data", LREC 2020,
// paragraph deduplication), where every paragraph that comes twice goes, the first one too, and paragraphs are compared
// in lower case, without accents and punctuation, digits as 0. Here lines are compared as they are written, have to be
// in as many documents as the configuration says, and what a document repeats within itself stays.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/mapped_file.h"

namespace broadsheet {

// A hash of 64 bits, against accidents and not against forgers. The spaces around a line do not count.
uint64_t hash_of_line(std::string_view line);
// Of the lines of all texts that have a character, each once, ascending.
std::vector<uint64_t> line_hashes(const std::vector<std::string_view>& texts);
// Tells documents with other texts apart.
uint64_t hash_of_lines(const std::vector<std::string_view>& texts);

// Hashes lie in parts, each a range of them: that of part 0 is the lowest.
uint64_t line_part(uint64_t hash, uint64_t parts);

// The hashes of the lines that go, in files that are mapped: processes of one machine share their memory.
class RepeatedLines {
 public:
  // A file for each part, in order, with its hashes, ascending.
  explicit RepeatedLines(const std::vector<std::string>& files);

  bool contains(uint64_t hash) const;
  // The other lines, as they are. With a line goes an empty one that would then begin or end the text or stand beside
  // another.
  std::string without(std::string_view text) const;

 private:
  std::vector<std::unique_ptr<const MappedFile>> parts_;
};

}  // namespace broadsheet
