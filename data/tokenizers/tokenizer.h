// Text to token ids, identical to Hugging Face `tokenizers` on the same files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace broadsheet {

// Ids of the special tokens; -1 where the vocabulary has none.
struct SpecialTokens {
  int32_t pad = -1, unk = -1, cls = -1, sep = -1, mask = -1;
  int32_t eos = -1;  // ends a text that a model goes on writing: GPT-2's <|endoftext|>
};

// Immutable and thread-safe after loading.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Appends the ids of `text` without special tokens and without truncation. `text` is UTF-8 (checked by the caller:
  // is_utf8).
  virtual void encode_into(std::string_view text, std::vector<int32_t>& ids) const = 0;
  std::vector<int32_t> encode(std::string_view text) const;
  // Readable text of ids, special tokens skipped, in the manner of `tokenizers`' decode(skip_special_tokens=True).
  virtual std::string decode(const std::vector<int32_t>& ids) const = 0;

  virtual int32_t vocab_size() const = 0;
  virtual const std::string& token(int32_t id) const = 0;
  virtual SpecialTokens special_tokens() const = 0;
  // True where the id continues a word ("##ing"); whole-word masking asks.
  virtual bool continues_word(int32_t id) const = 0;
  // How many bytes of UTF-8 the id stands for, special tokens for none; -1: the tokenizer keeps less than the text.
  virtual int64_t byte_count(int32_t /*id*/) const { return -1; }
  // SHA-256 over the vocabulary and every option that changes ids, but not over the file's bytes: vocab.txt (or
  // vocab.json and merges.txt) and tokenizer.json of one model agree. A corpus records it, and a run refuses a corpus
  // made with another.
  virtual const std::string& fingerprint() const = 0;
};

// Reads `folder`/tokenizer.json (WordPiece or byte-level BPE), else vocab.txt (WordPiece; + tokenizer_config.json:
// do_lower_case, strip_accents, tokenize_chinese_chars), else vocab.json and merges.txt (BPE; + tokenizer_config.json:
// add_prefix_space), else the one *.tiktoken (BPE by ranks, with GPT-2's words; + added_tokens.json). The truncation
// and padding that some tokenizer.json files bake in are ignored. Throws UserError ("tokenizer.*") naming file and key;
// sizes are checked before memory is taken.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& folder);

// Names of the files in `folder` that make up its tokenizer (tokenizer.json, vocab.txt, vocab.json, merges.txt,
// tokenizer_config.json, special_tokens_map.json, *.tiktoken, ...): what a model folder of ours must carry along.
std::vector<std::string> tokenizer_files(const std::string& folder);

// Cuts the ends of two sequences until a.size() + b.size() <= budget, the longer one first, as "longest_first" of
// `tokenizers`: where both are cut, both get half, and an odd id goes to the longer one (the second on a tie).
void truncate_longest_first(std::vector<int32_t>& a, std::vector<int32_t>& b, size_t budget);

}  // namespace broadsheet
