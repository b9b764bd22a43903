#include "data/cleaning/language.h"

#include "corpus_fixture.h"

namespace broadsheet {
namespace {

constexpr const char* kEnglish =
    "The mayor told the council on Tuesday that the harbour would be closed until the new quay has been built.";
constexpr const char* kGerman =
    "Die Bürgermeisterin sagte dem Rat am Dienstag, dass der Hafen geschlossen bleibt, bis der neue Kai gebaut ist.";
constexpr const char* kChinese = "市长星期二对市议会说，在新码头建成以前，港口将一直关闭，渔民们对这个决定感到不满。";
constexpr const char* kTraditional =
    "市長星期二對市議會說，在新碼頭建成以前，港口將一直關閉，漁民們對這個決定感到不滿。";

TEST(Language, IsToldOfATextAndOfSeveral) {
  EXPECT_EQ(language_of({kEnglish}), "en");
  EXPECT_EQ(language_of({kGerman}), "de");
  EXPECT_EQ(language_of({kChinese}), "zh");
  EXPECT_EQ(language_of({kTraditional}), "zh-Hant");
  EXPECT_EQ(language_of({"Harbour", kGerman, kGerman}), "de");
  EXPECT_EQ(language_of({""}), "unknown");
  EXPECT_EQ(language_of({"1, 2, 3"}), "unknown");
}

TEST(Language, CodesAreThoseOfTheDetector) {
  for (const char* code : {"en", "zh", "zh-Hant", "de", "fr", "ja"}) EXPECT_TRUE(is_language(code)) << code;
  for (const char* code : {"english", "EN", "xx", "", "unknown"}) EXPECT_FALSE(is_language(code)) << code;
  EXPECT_TRUE(is_among("zh-Hant", {"en", "zh"}));
  EXPECT_FALSE(is_among("zh", {"zh-Hant"}));
  EXPECT_FALSE(is_among("de", {"en", "d"}));
}

TEST(Prepare, KeepsTheLanguagesThatAreWantedAndCountsTheOthers) {
  TempFolder folder;
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += cat(kEnglish, " ", i, "\n", kGerman, " ", i, "\n", kChinese, i, "\n");
  lines += "1, 2, 3\n";
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.txt", lines), "text");
  config.clean.languages = {"en", "zh"};
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(report.kept, 60);
  EXPECT_EQ(report.filtered_by_reason,
            (std::map<std::string, int64_t>{{"language: de", 30}, {"language: unknown", 1}}));
}

}  // namespace
}  // namespace broadsheet
