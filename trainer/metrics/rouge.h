// ROUGE (Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004) as the `rouge_score` package computes it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// How a text is cut.
enum class RougePieces {
  kWords,       // rouge_score's own: lower case, runs of a-z and 0-9; all else, every other script too, is not counted
  kCharacters,  // for Chinese: lower case, runs of a-z and 0-9, every other character but whitespace by itself
};
std::vector<std::string> rouge_pieces(std::string_view text, RougePieces pieces);

// Shares from 0 to 1; 0 where one of the texts has no n-gram.
struct RougeScore {
  double precision = 0, recall = 0, f1 = 0;
};

struct RougeScores {
  RougeScore rouge1, rouge2, rouge_l;
};
// rouge_l is of the longest common subsequence of the whole texts (rougeL, not rougeLsum). Time: the product of their
// lengths.
RougeScores rouge(std::string_view target, std::string_view prediction, RougePieces pieces = RougePieces::kWords);

}  // namespace broadsheet
