// Precision, recall and F1 of named entities, as the `seqeval` package computes them in its default mode.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace broadsheet {

// Pieces first..last of a sequence, both included.
struct Entity {
  std::string type;
  int64_t first = 0, last = 0;
  auto operator<=>(const Entity&) const = default;
};
// From tags "B-TYPE", "I-TYPE", "O" (also "E-" and "S-"). Lenient, as conlleval: an "I-" behind "O" or behind another
// type begins an entity. "B" alone has the type "_".
std::vector<Entity> entities_of(const std::vector<std::string>& tags);

// An entity is right when its type and both its ends are. Counts of sequences add up to those of a corpus.
class EntityCounts {
 public:
  struct Counts {
    int64_t wanted = 0, found = 0, right = 0;
  };
  struct Scores {
    double precision = 0, recall = 0, f1 = 0;  // 0 where there is nothing to divide by
  };
  // Two taggings of one sequence, equally long.
  void add(const std::vector<std::string>& wanted, const std::vector<std::string>& found);
  void add(const std::string& type, const Counts& counts);
  void merge(const EntityCounts& other);

  const std::map<std::string, Counts>& by_type() const { return counts_; }
  static Scores scores(const Counts& counts);
  Scores micro() const;     // over all entities: seqeval's default
  double macro_f1() const;  // the mean over the types that occur in either; NaN without any

 private:
  std::map<std::string, Counts> counts_;
};

}  // namespace broadsheet
