// A tokenizer from the texts of a corpus's sources: corpus.yaml -> counted words -> a folder with a tokenizer's files.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "core/durable.h"
#include "data/corpus_config.h"
#include "data/tokenizers/tokenizer_trainer.h"

namespace broadsheet {

struct TokenizerOrder {
  TrainingOptions training;
  std::string output;    // the folder; empty: the configuration's tokenizer
  bool replace = false;  // a tokenizer that is there goes
  int64_t ranks = 1;     // processes on this machine that read the sources
  Incarnation incarnation = {};
  // What is read as one piece of work; 0: as piece_size() finds. Decides nothing about the tokenizer.
  int64_t piece_bytes = 0;
  // Bytes of all different words (size_of_word); the rarest of more are left out. Learning takes several times as much.
  size_t word_limit = size_t{256} << 20;
};

struct TokenizerReport {
  std::string folder;
  int64_t read = 0, documents = 0, rejected = 0;
  std::map<std::string, int64_t> rejected_by_reason, filtered_by_reason;
  int64_t words = 0, different_words = 0;  // that were learned from
  int64_t words_too_long = 0;              // kLongestWordPieceWord, kLongestBpeWord
  int64_t rare_words_left_out = 0;         // different ones, for word_limit
  int64_t vocab_size = 0, special_tokens = 0, alphabet = 0, merged = 0;
  std::string fingerprint;  // as a corpus will record it

  nlohmann::json json() const;
};

// Reads the texts as prepare_corpus would: the same importers, filters, fields, cleaning of single texts,
// de-identification and rules that drop a document for what it is. Documents count whatever their split; copies count
// as often as they come, and lines that many documents have stay (clean.repeated_lines): what needs the whole corpus is
// prepare's.
//
// The folder appears by one rename, and its bytes depend on the texts and options only. It is made beside its place, in
// .<name>.training, which a killed one leaves and the next one removes.
// UserError ("tokenizer.exists", "tokenizer.vocab_size", "tokenizer.no_text", "tokenizer.special_token"), and as
// prepare_corpus for the sources ("corpus.*"); RunError ("io.*").
TokenizerReport make_tokenizer(const CorpusConfig& config, const TokenizerOrder& order);

// Where it will be. UserError("tokenizer.exists") as make_tokenizer.
std::string tokenizer_output(const CorpusConfig& config, const TokenizerOrder& order);

}  // namespace broadsheet
