// tokenizer: from documents to a vocabulary.
#include <cstdint>

#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "data/prepare.h"
#include "data/train_tokenizer.h"
#include "launcher/answer.h"
#include "launcher/front/actions.h"
#include "launcher/local_ranks.h"
#include "launcher/program.h"

namespace broadsheet {
namespace {

constexpr int64_t kMostTokens = 4'000'000;

TokenizerKind tokenizer_kind(const Command& command) {
  const std::string kind = command.value("kind");
  if (kind == "wordpiece") return TokenizerKind::kWordPiece;
  if (kind == "bpe") return TokenizerKind::kBpe;
  throw UserError("usage.choice",
                  kind.empty() ? "broadsheet tokenizer: --kind is missing"
                               : cat("broadsheet tokenizer: --kind ", printable(kind), " is not known"),
                  "write --kind wordpiece (BERT) or --kind bpe (GPT-2)");
}

TokenizerOrder tokenizer_order(const Command& command) {
  TokenizerOrder order;
  TrainingOptions& training = order.training;
  training.kind = tokenizer_kind(command);
  const auto size = command.number("vocab-size", 1, kMostTokens);
  if (!size)
    throw UserError("usage.missing", "broadsheet tokenizer: --vocab-size is missing",
                    "write how many tokens there shall be, such as --vocab-size 30000");
  training.vocab_size = *size;
  training.min_frequency = command.number("min-frequency", 1, INT64_MAX).value_or(training.min_frequency);
  training.limit_alphabet = command.number("limit-alphabet", 1, kMostTokens).value_or(0);
  training.lowercase = !command.has("cased");
  for (const char* option : {"limit-alphabet", "cased"})
    if (training.kind == TokenizerKind::kBpe && command.has(option))
      throw UserError("usage.conflict", cat("--", option, " is for --kind wordpiece"),
                      "leave it out: a BPE's alphabet is the 256 bytes");
  if (command.has("special-tokens")) training.special_tokens = split(command.value("special-tokens"), ',');
  order.output = command.value("output");
  order.replace = command.has("replace");
  order.ranks = command.number("ranks", 1, 1024).value_or(static_cast<int64_t>(cores_in_order().size()));
  order.incarnation = job_incarnation();
  return order;
}

std::string describe(const TokenizerReport& report) {
  std::string text = cat(
      report.folder, ": ", with_thousands(report.vocab_size), " tokens: ", with_thousands(report.special_tokens),
      " special, ", with_thousands(report.alphabet), " of the alphabet, ", with_thousands(report.merged), " merged\n");
  text += cat("learned from ", with_thousands(report.documents), " documents with ", with_thousands(report.words),
              " words, ", with_thousands(report.different_words), " different ones; ", with_thousands(report.rejected),
              " lines set aside\n");
  if (report.words_too_long > 0) text += cat(with_thousands(report.words_too_long), " words were too long\n");
  if (report.rare_words_left_out > 0)
    text += cat(with_thousands(report.rare_words_left_out), " different words were too rare for the memory\n");
  return text;
}

}  // namespace

int do_tokenizer(const Command& command) {
  const TokenizerOrder order = tokenizer_order(command);
  const CorpusConfig config = load_corpus_config(command.positionals[0], command.sets);
  if (command.dry_run) {
    check_special_tokens(order.training);
    const std::string folder = tokenizer_output(config, order);
    const std::vector<std::string> sources = corpus_sources(config);
    if (command.json)
      print_json({{"dry_run", true}, {"folder", folder}, {"sources", sources}});
    else
      print_text(cat("would train a tokenizer of ", with_thousands(order.training.vocab_size), " tokens in ", folder,
                     " from\n  ", join(sources, "\n  "), "\n"));
    return 0;
  }
  const TokenizerReport report = make_tokenizer(config, order);
  if (report.vocab_size < order.training.vocab_size)
    log_warning(cat("the texts gave ", with_thousands(report.vocab_size), " tokens, not ",
                    with_thousands(order.training.vocab_size), ": no other pair comes ", order.training.min_frequency,
                    " times"));
  if (command.json)
    print_json(report.json());
  else
    print_text(describe(report));
  return 0;
}

}  // namespace broadsheet
