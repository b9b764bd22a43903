// Which records of a source become documents, and fields made of several columns.
#include <stdexcept>

#include "corpus_fixture.h"
#include "data/field_reader.h"
#include "data/field_template.h"
#include "data/row_filter.h"

namespace broadsheet {
namespace {

Document document_of(std::map<std::string, std::string, std::less<>> values) {
  Document document;
  document.values = std::move(values);
  return document;
}

std::string fault_of_template(const std::string& text) {
  try {
    const FieldTemplate parsed(text);
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(FieldTemplate, PutsColumnsWhereTheirBracesAre) {
  const FieldTemplate form("{title} ({date}): {title}{{x}}");
  EXPECT_EQ(form.columns(), (std::vector<std::string>{"title", "date", "title"}));
  EXPECT_EQ(form.fill({"Tax", "May", "{date}"}), "Tax (May): {date}{x}");
}

TEST(FieldTemplate, SaysWhereABraceIsWrong) {
  EXPECT_EQ(fault_of_template("{a} and {b"), "the { at character 9 is not closed");
  EXPECT_EQ(fault_of_template("{a{b}"), "the { at character 1 is not closed");
  EXPECT_EQ(fault_of_template("a} {b}"), "the } at character 2 closes nothing");
  EXPECT_EQ(fault_of_template("{b} {}"), "the {} at character 5 names nothing");
  EXPECT_EQ(fault_of_template("title"), "it names nothing in braces");
}

class TemplateField : public ::testing::Test {
 protected:
  std::string read(const Document& document, bool optional = false) {
    CorpusConfig config;
    config.fields["text"].text_template = "{title}\n\n{body}";
    config.fields["text"].optional = optional;
    Row row;
    const auto rejection = FieldReader(config).read(document, row);
    return rejection ? rejection->reason() : row[0].text;
  }
};

TEST_F(TemplateField, TakesAllItsColumns) {
  EXPECT_EQ(read(document_of({{"title", "Tax"}, {"body", "It rises."}})), "Tax\n\nIt rises.");
  EXPECT_EQ(read(document_of({{"title", ""}, {"body", "It rises."}})), "It rises.");
  EXPECT_EQ(read(document_of({{"title", " "}, {"body", ""}})), "empty_text: field text");
}

TEST_F(TemplateField, AColumnMayBeMissingWhenTheFieldIsOptional) {
  EXPECT_EQ(read(document_of({{"title", "Tax"}})), "missing_field: field text has no value (from: body)");
  EXPECT_EQ(read(document_of({{"title", "Tax"}}), /*optional=*/true), "Tax");
  EXPECT_EQ(read(document_of({{"other", "Tax"}}), /*optional=*/true), "");
}

TEST(RowFilter, KeepsWhatPassesAllOfIt) {
  FilterConfig filter;
  EXPECT_EQ(passed_over_by(filter, document_of({})), std::nullopt);
  filter.keep["category"] = {"news", "politics"};
  filter.not_empty = {"body"};
  EXPECT_EQ(passed_over_by(filter, document_of({{"category", "news"}, {"body", "x"}})), std::nullopt);
  EXPECT_EQ(passed_over_by(filter, document_of({{"category", " politics "}, {"body", "x"}})), std::nullopt);
  EXPECT_EQ(passed_over_by(filter, document_of({{"category", "New"}, {"body", "x"}})), "category");
  EXPECT_EQ(passed_over_by(filter, document_of({{"body", "x"}})), "category");
  EXPECT_EQ(passed_over_by(filter, document_of({{"category", "news"}, {"body", " "}})), "body");
  EXPECT_EQ(passed_over_by(filter, document_of({{"category", "news"}})), "body");
}

CorpusConfig table(const TempFolder& folder) {
  std::string rows = "category,title,body\n";
  for (int i = 0; i < 30; ++i) rows += cat("news,tax ", i, ",plan fails\nsport,tax ", i, ",again\nnews,tax ", i, ",\n");
  CorpusConfig config = text_corpus(folder, write_text(folder / "in.csv", rows), "csv");
  config.fields["text"].from = "";
  config.fields["text"].text_template = "{title} {body}";
  config.sources[0].filter.keep["category"] = {"news"};
  config.sources[0].filter.not_empty = {"body"};
  return config;
}

TEST(Prepare, FiltersRowsAndJoinsColumns) {
  TempFolder folder;
  CorpusConfig config = table(folder);
  config.clean.exact_duplicates = false;
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(report.read, 90);
  EXPECT_EQ(report.kept, 30);
  EXPECT_EQ(report.filtered_by_reason,
            (std::map<std::string, int64_t>{{"filter: body", 30}, {"filter: category", 30}}));
  const auto corpus = ShardSet::open(config.output);
  EXPECT_EQ(corpus->tokens(Split::kTrain, "text", 0)[0], load_tokenizer(config.tokenizer)->encode("tax")[0]);
  const auto ids = corpus->tokens(Split::kTrain, "text", 0);
  const auto tail = load_tokenizer(config.tokenizer)->encode("plan fails");
  ASSERT_GT(ids.size(), tail.size());
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), ids.end() - static_cast<ptrdiff_t>(tail.size())));
  config.sources[0].filter.not_empty = {};  // another corpus, as the manifest knows
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }), std::vector<std::string>{"corpus.exists"});
}

TEST(Prepare, AColumnThatATableHasNotIsSaidWithThoseItHas) {
  TempFolder folder;
  CorpusConfig config = table(folder);
  config.fields["text"].text_template = "{titel} {body}";
  config.sources[0].filter.keep = {{"genre", {"news"}}};
  std::string message;
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }, &message),
            (std::vector<std::string>{"corpus.no_column", "corpus.no_column"}));
  for (const char* part : {"fields.text.template", "has no column 'titel'; it has category, title, body",
                           "did you mean 'title'?", "sources[0].filter.keep", "has no column 'genre'"})
    EXPECT_NE(message.find(part), std::string::npos) << part << " in:\n" << message;
}

// Records of two files that name their columns themselves; the second has a column more.
CorpusConfig records(const TempFolder& folder) {
  std::string one, two;
  for (int i = 0; i < 60; ++i) {
    one += nlohmann::json({{"category", "news"}, {"title", "x"}, {"text", cat("tax plan ", i)}}).dump() + "\n";
    two += nlohmann::json({{"genre", nullptr}, {"author", {"a", "b"}}, {"text", cat("news ", i)}}).dump() + "\n";
  }
  CorpusConfig config = text_corpus(folder, write_text(folder / "one.jsonl", one), "jsonl");
  config.sources[0].files.push_back(write_text(folder / "two.jsonl", two));
  return config;
}

TEST(Prepare, AFilterColumnThatNoRecordHasIsSaidWithThoseSeen) {
  TempFolder folder;
  CorpusConfig config = records(folder);
  config.sources[0].filter.keep = {{"genre", {"news"}}};  // null in all of them
  config.sources[0].filter.not_empty = {"titel"};
  int made = 0;
  std::string first;
  for (const auto& [ranks, bytes] : {std::pair<int64_t, int64_t>{1, 1 << 30}, {1, 300}, {3, 500}}) {
    config.output = folder / cat("corpus-", ++made);
    std::string message;
    EXPECT_EQ(user_error_codes([&] { prepare_corpus(config, {.ranks = ranks, .piece_bytes = bytes}); }, &message),
              (std::vector<std::string>{"corpus.no_column", "corpus.no_column"}));
    for (const char* part :
         {"sources[0].filter.keep", "one.jsonl and 1 more: no record has a value for 'genre'",
          "those seen are author, category, text, title", "sources[0].filter.not_empty", "did you mean 'title'?"})
      EXPECT_NE(message.find(part), std::string::npos) << part << " in:\n" << message;
    if (made == 1) first = message;
    EXPECT_EQ(message, first);
    EXPECT_FALSE(exists(config.output));
  }
}

TEST(Prepare, AFilterColumnThatOneRecordHasIsThere) {
  TempFolder folder;
  CorpusConfig config = records(folder);
  for (const char* column : {"title", "category"}) {  // of the first file only
    config.sources[0].filter.not_empty = {column};
    config.output = folder / column;
    EXPECT_EQ(prepare_corpus(config, {.ranks = 2, .piece_bytes = 300}).kept, 60);
  }
  // Of another source it is of no use.
  config.sources.push_back(config.sources[0]);
  config.sources[0].files.pop_back();
  config.sources[1].files.erase(config.sources[1].files.begin());
  config.output = folder / "two-sources";
  std::string message;
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config, {.piece_bytes = 300}); }, &message),
            std::vector<std::string>{"corpus.no_column"});
  EXPECT_NE(message.find("sources[1].filter.not_empty"), std::string::npos) << message;
  EXPECT_NE(message.find("two.jsonl: no record"), std::string::npos) << message;
}

}  // namespace
}  // namespace broadsheet
