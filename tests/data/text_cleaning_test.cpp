// Cleaning changes what it is asked to change, drops what it is asked to drop, and counts both.
#include "data/cleaning/text_cleaning.h"

#include "corpus_fixture.h"
#include "data/cleaning/markup.h"
#include "data/cleaning/quality.h"

namespace broadsheet {
namespace {

std::string cleaned(std::string text, const CleanConfig& clean, std::vector<const char*>* steps = nullptr) {
  std::vector<const char*> own;
  clean_text(text, clean, nullptr, steps ? *steps : own);
  return text;
}

TEST(Cleaning, DoesNothingUnasked) {
  for (const char* text : {"<b>x</b> &amp;  y\r\n", "e\u0301 ﬁ", ""}) EXPECT_EQ(cleaned(text, {}), text);
  EXPECT_EQ(reason_to_drop({""}, {}), "");
}

TEST(Cleaning, NormalisesUnicode) {
  CleanConfig clean;
  clean.unicode = "nfc";
  EXPECT_EQ(cleaned("cafe\u0301 ﬁ １", clean), "café ﬁ １");
  EXPECT_EQ(cleaned("\u1100\u1161\u11A8", clean), "각");
  clean.unicode = "nfkc";
  EXPECT_EQ(cleaned("cafe\u0301 ﬁ １３８", clean), "café fi 138");
  EXPECT_EQ(cleaned("plain", clean), "plain");
}

TEST(Cleaning, RemovesMarkupAndNothingElse) {
  EXPECT_EQ(without_markup("<p class=\"a>b\">One <b>two</b><br/>three</p>"), "\nOne two\nthree\n");
  EXPECT_EQ(without_markup("a<!-- <b> -->b<script>if (1 < 2) x();</script>c<STYLE>p{}</style>"), "abc");
  EXPECT_EQ(without_markup("Q&amp;A &#8217;s &#x4E2D; &nbsp;&lt;b&gt; &bogus; &#xD800; &#0; AT&T"),
            "Q&A ’s 中 \u00A0<b> &bogus; &#xD800; &#0; AT&T");
  for (const char* text : {"1 < 2 and 3 > 2", "a <- b", "if x<y then", "<3", "R&D; &", "<never closed"})
    EXPECT_EQ(without_markup(text), text);
}

TEST(Cleaning, MakesPlainSpaces) {
  CleanConfig clean;
  clean.whitespace = true;
  EXPECT_EQ(cleaned("  a \t b\u00A0\u3000c \r\n d\n\n\n\ne \v", clean), "a b c\nd\n\ne");
  EXPECT_EQ(cleaned("a\u200Bb\x01\x7F\uFEFF c\u00ADd", clean), "ab cd");
  EXPECT_EQ(cleaned("می\u200Cخواهم", clean), "می\u200Cخواهم");
  EXPECT_EQ(cleaned(" \n ", clean), "");
}

TEST(Cleaning, CountsStepsThatChangeSomething) {
  CleanConfig clean;
  clean.unicode = "nfc";
  clean.markup = clean.whitespace = true;
  std::vector<const char*> steps;
  EXPECT_EQ(cleaned("<i>a</i>", clean, &steps), "a");
  cleaned("b <i>", clean, &steps);
  EXPECT_EQ(std::vector<std::string>(steps.begin(), steps.end()), (std::vector<std::string>{"markup", "whitespace"}));
}

TEST(Cleaning, DropsByLength) {
  CleanConfig clean;
  clean.min_words = 3;
  clean.max_words = 5;
  const auto reason = [&](const std::vector<std::string_view>& texts) { return reason_to_drop(texts, clean); };
  EXPECT_EQ(reason({"two words"}), "too_short");
  EXPECT_EQ(reason({"two words", "more"}), "");
  EXPECT_EQ(reason({"市长说"}), "");
  EXPECT_EQ(reason({"市长说了很多话"}), "too_long");
  EXPECT_EQ(reason({"one two three four five six"}), "too_long");
}

std::string prose(int sentences) {
  std::string text;
  for (int i = 0; i < sentences; ++i)
    text += cat("The mayor of town ", i, " said that taxes have to rise with the budget.\n");
  return text;
}

TEST(Gopher, KeepsProse) {
  EXPECT_EQ(gopher_reason(statistics_of({prose(8)})), nullptr);
  std::string chinese;
  for (int i = 0; i < 10; ++i) chinese += cat("市长宣布第", i, "个新计划。\n");
  EXPECT_EQ(gopher_reason(statistics_of({chinese})), nullptr);
}

TEST(Gopher, NamesTheRuleThatIsBroken) {
  const auto reason = [](const std::string& text) {
    const char* found = gopher_reason(statistics_of({text}));
    return std::string(found ? found : "");
  };
  const auto times = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  EXPECT_EQ(reason(prose(3)), "gopher_words");
  EXPECT_EQ(reason(times("to be # ", 40)), "gopher_symbols");
  EXPECT_EQ(reason(times("to be... ", 40)), "gopher_symbols");
  std::string bullets, ellipses, letters;
  for (int i = 0; i < 20; ++i) {
    bullets += cat("- the plan that they have with number ", i, "\n");
    ellipses += cat("the plan of mayors that they have with us for number ", i, "...\n");
    letters += cat("that with 1000", i, " 2000", i, "\n");
  }
  EXPECT_EQ(reason(bullets), "gopher_bullets");
  EXPECT_EQ(reason(ellipses), "gopher_ellipses");
  EXPECT_EQ(reason(times("the plan that they have with us is to be ours\n", 10)), "gopher_repeated_lines");
  EXPECT_EQ(reason(times("to be a ", 40)), "gopher_word_length");
  EXPECT_EQ(reason(times("internationalisation institutionalised to be ", 40)), "gopher_word_length");
  EXPECT_EQ(reason(letters + prose(1)), "gopher_letters");
  EXPECT_EQ(reason(times("quick brown foxes jump over lazy dogs ", 10)), "gopher_stop_words");
}

TEST(Cleaning, IsCountedInTheReport) {
  TempFolder folder;
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += cat("the <b>tax</b> plan ", i, " fails again\n");
  lines += "too short\n<br>\n";
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", lines), "text");
  config.clean.markup = true;
  config.clean.min_words = 3;
  config.max_rejected_share = 0.5;
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(report.filtered_by_reason, (std::map<std::string, int64_t>{{"too_short", 1}}));
  EXPECT_EQ(report.rejected_by_reason, (std::map<std::string, int64_t>{{"empty_text", 1}}));
  EXPECT_EQ(report.cleaned_by_step, (std::map<std::string, int64_t>{{"markup", 60}}));
  EXPECT_EQ(report.kept, 60);
  const auto corpus = ShardSet::open(config.output);
  const std::vector<int32_t> wanted = load_tokenizer(config.tokenizer)->encode("the tax plan");
  const auto ids = corpus->tokens(Split::kTrain, "text", 0);
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), ids.begin()));
  EXPECT_EQ(prepare_corpus(config).json()["filtered_by_reason"]["too_short"], 1);
}

}  // namespace
}  // namespace broadsheet
