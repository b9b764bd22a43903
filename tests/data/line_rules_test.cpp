#include "data/cleaning/line_rules.h"

#include "corpus_fixture.h"
#include "data/cleaning/text_cleaning.h"

namespace broadsheet {
namespace {

std::string named(const char* reason) {
  return reason == nullptr ? "" : reason;
}

std::string times(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(LineRules, TellTheEndOfASentence) {
  for (const char* line : {"It rises.", "Why? ", "No!", "He said \"no\"", "“It rises.”", "市长同意了。", "真的吗？",
                           "“好！”", "「はい」", "and so on…"})
    EXPECT_TRUE(ends_sentence(line)) << line;
  for (const char* line : {"", "It rises", "Home | News", "市长同意了", "one, two,", "see (1)", "第一，"})
    EXPECT_FALSE(ends_sentence(line)) << line;
}

TEST(C4, KeepsLinesThatAreSentences) {
  const auto stays = [](const std::string& line) { return c4_lines(line) == line; };
  EXPECT_TRUE(stays("The town has five words."));
  EXPECT_FALSE(stays("The town has four."));
  EXPECT_FALSE(stays("The town has no full stop"));
  EXPECT_FALSE(stays("The town has something to read..."));
  EXPECT_FALSE(stays("Please turn on JavaScript in your browser."));
  EXPECT_FALSE(stays("This is our new Privacy Policy for you."));
  EXPECT_FALSE(stays("Like all others our site uses cookies."));
  EXPECT_TRUE(stays("市长很高兴。"));
  EXPECT_FALSE(stays("市长来了。"));
  EXPECT_EQ(c4_lines("Home\n  The mayor spoke to the town. \n\nShare\nThe town did not listen to him.\n"),
            "The mayor spoke to the town.\nThe town did not listen to him.");
}

TEST(C4, DropsDocumentsByWhatTheyHold) {
  const auto reason = [](const std::string& text) { return named(c4_reason({text})); };
  EXPECT_EQ(reason("One comes. Two come. Three come."), "");
  EXPECT_EQ(reason("One comes. Two come at 3.5 and 4.5."), "c4_sentences");
  EXPECT_EQ(reason("One comes... Two come?!"), "c4_sentences");
  EXPECT_EQ(reason("One comes... Two come?! \"Three come.\""), "");
  EXPECT_EQ(reason("市长来了。大家都很高兴！为什么？"), "");
  EXPECT_EQ(reason("市长来了。大家都很高兴！"), "c4_sentences");
  EXPECT_EQ(reason("One comes. Two come. Lorem Ipsum dolor. Three."), "c4_lorem_ipsum");
  EXPECT_EQ(reason("One comes. Two come. if (x) { y } is code."), "c4_curly_bracket");
}

// Of 100 lines as long as one another, `ended` end as a sentence does; no two are equal.
std::string lines_with_ends(int ended) {
  std::string text;
  for (int i = 0; i < 100; ++i)
    text += cat("The mayor of the town with number ", 100 + i, " has spoken", i < ended ? "." : ",", "\n");
  return text;
}

TEST(FineWeb, WantsMoreThanTwelvePercentOfLinesToEndAsSentences) {
  EXPECT_EQ(named(fineweb_reason({lines_with_ends(13)})), "");
  EXPECT_EQ(named(fineweb_reason({lines_with_ends(12)})), "fineweb_line_ends");
}

TEST(FineWeb, WantsLessThanATenthOfTheCharactersInRepeatedLines) {
  std::string text;
  for (int i = 0; i < 9; ++i) text += cat("The mayor of the town with number ", i, " has spoken.\n");
  const std::string first = text.substr(0, text.find('\n') + 1);
  EXPECT_EQ(named(fineweb_reason({text + first})), "fineweb_repeated_lines");  // 1 of 10
  const std::string another = "The mayor of the town with number 9 has spoken.\n";
  EXPECT_EQ(named(fineweb_reason({text + another + first})), "");  // 1 of 11
}

TEST(FineWeb, WantsFewerThanTwoThirdsOfLinesToBeShort) {
  const auto with_short = [](int count, const std::string& ending) {
    std::string text;
    for (int i = 0; i < 100; ++i)
      text += i < count ? cat("The mayor, number ", 100 + i, ending, "\n")
                        : cat("The mayor of the town with number ", 100 + i, " has spoken.\n");
    return text;
  };
  EXPECT_EQ(named(fineweb_reason({with_short(66, ", talks.")})), "");
  EXPECT_EQ(named(fineweb_reason({with_short(67, ", talks.")})), "fineweb_short_lines");  // 29 characters
  EXPECT_EQ(named(fineweb_reason({with_short(67, ", walked.")})), "");                    // 30
}

TEST(FineWeb, TakesAChineseCharacterForTwo) {
  std::string wide, narrow;
  for (int i = 0; i < 10; ++i) {
    wide += cat("市长今天上午在会议上宣布了第", i, "个。\n");
    narrow += cat("市长今天宣布了第", i, "个。\n");
  }
  EXPECT_EQ(named(fineweb_reason({wide})), "");
  EXPECT_EQ(named(fineweb_reason({narrow})), "fineweb_short_lines");
}

TEST(Prepare, CleansByTheRulesOfSeveralCorporaAndCountsThem) {
  TempFolder folder;
  std::string lines;
  const auto add = [&](const std::string& text) { lines += nlohmann::json({{"text", text}}).dump() + "\n"; };
  for (int i = 0; i < 40; ++i)
    add(cat("Home\nThe tax plan of town ", i, " fails again today.\n", "It will fail in ", i,
            " more towns this year.\nThe news of it is bad for all of us."));
  add("Home\nNews");                                                           // no line stays
  add("The tax plan fails again today. It fails. The news {is} bad for us.");  // a bracket
  for (int i = 0; i < 3; ++i) add(times("The tax plan of the mayor fails again today.\n", 3) + std::to_string(i));
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.jsonl", lines), "jsonl");
  config.clean.quality = {"c4", "fineweb"};
  config.clean.exact_duplicates = false;
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(
      report.filtered_by_reason,
      (std::map<std::string, int64_t>{{"c4_curly_bracket", 1}, {"c4_sentences", 1}, {"fineweb_repeated_lines", 3}}));
  EXPECT_EQ(report.rejected, 0);
  EXPECT_EQ(report.cleaned_by_step, (std::map<std::string, int64_t>{{"c4_lines", 40}}));
  EXPECT_EQ(report.kept, 40);
  const auto corpus = ShardSet::open(config.output);
  const std::vector<int32_t> wanted = load_tokenizer(config.tokenizer)->encode("The tax plan of town");
  const auto ids = corpus->tokens(Split::kTrain, "text", 0);
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), ids.begin()));
}

}  // namespace
}  // namespace broadsheet
