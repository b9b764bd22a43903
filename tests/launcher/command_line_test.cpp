#include "launcher/command_line.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/durable.h"
#include "core/errors.h"
#include "core/text.h"

namespace broadsheet {
namespace {

std::string message_of(const std::vector<std::string>& arguments) {
  try {
    parse_command_line(arguments);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(CommandLine, TakesPositionalsOptionsAndSetsInAnyOrder) {
  const Command command = parse_command_line(
      {"train", "--set", "train.learning_rate=1e-4", "run.yaml", "--ranks", "2", "--set=name=other", "--json"});
  EXPECT_EQ(command.verb->name, "train");
  EXPECT_EQ(command.positionals, std::vector<std::string>{"run.yaml"});
  EXPECT_EQ(command.number("ranks", 1, 100), 2);
  ASSERT_EQ(command.sets.size(), 2u);
  EXPECT_EQ(command.sets[0].key, "train.learning_rate");
  EXPECT_EQ(command.sets[0].value, "1e-4");
  EXPECT_EQ(command.sets[1].value, "other");
  EXPECT_TRUE(command.json);
  EXPECT_FALSE(command.dry_run);
}

TEST(CommandLine, AnUnknownVerbNamesTheNearest) {
  EXPECT_NE(message_of({"trian", "run.yaml"}).find("did you mean train?"), std::string::npos);
}

TEST(CommandLine, AnUnknownOptionNamesTheNearest) {
  EXPECT_NE(message_of({"train", "run.yaml", "--rank", "2"}).find("did you mean --ranks?"), std::string::npos);
}

TEST(CommandLine, NoPrefixOfAnOptionIsTakenForIt) {
  EXPECT_NE(message_of({"train", "run.yaml", "--fres"}), "");
  EXPECT_NE(message_of({"prepare", "corpus.yaml", "--dry"}), "");
}

TEST(CommandLine, AShortOptionIsUnknown) {
  EXPECT_NE(message_of({"train", "run.yaml", "-n"}).find("unknown option -n"), std::string::npos);
}

TEST(CommandLine, ADesignedVerbThatIsNotBuiltSaysSo) {
  for (const char* verb : {"embed", "recommend", "serve"}) {
    EXPECT_NE(message_of({verb, "x"}).find("not in this version"), std::string::npos) << verb;
  }
}

TEST(CommandLine, MissingAndSuperfluousArgumentsAreNamed) {
  EXPECT_NE(message_of({"train"}).find("RUN.yaml is missing"), std::string::npos);
  EXPECT_NE(message_of({"train", "a.yaml", "b.yaml"}).find("found b.yaml"), std::string::npos);
  EXPECT_NE(message_of({"doctor", "x"}).find("found x"), std::string::npos);
  EXPECT_EQ(message_of({"verify", "a", "b", "c"}), "");
}

TEST(CommandLine, ARepeatableOptionKeepsAllItsValues) {
  const Command command = parse_command_line({"generate", "m", "--stop", ".", "--top-p", "0.9", "--stop", "!"});
  EXPECT_EQ(command.values("stop"), (std::vector<std::string>{".", "!"}));
  EXPECT_EQ(command.real("top-p"), 0.9);
  EXPECT_TRUE(command.values("input").empty());
  EXPECT_EQ(command.real("temperature"), std::nullopt);
  for (const char* wrong : {"warm", "1x", "inf", ""})
    EXPECT_THROW(parse_command_line({"generate", "m", std::string("--temperature=") + wrong}).real("temperature"),
                 UserError)
        << wrong;
}

TEST(CommandLine, AnOptionGivenTwiceIsRefused) {
  EXPECT_NE(message_of({"train", "run.yaml", "--ranks", "2", "--ranks", "3"}).find("given twice"), std::string::npos);
}

TEST(CommandLine, AFlagTakesNoValueAndAnOptionNeedsOne) {
  EXPECT_NE(message_of({"train", "run.yaml", "--fresh=yes"}), "");
  EXPECT_NE(message_of({"train", "run.yaml", "--ranks"}), "");
}

TEST(CommandLine, NumbersAreChecked) {
  for (const char* text : {"0", "-1", "two", "2x", "", "99999999999999999999"}) {
    const auto ranks = [&] {
      return parse_command_line({"train", "run.yaml", cat("--ranks=", text)}).number("ranks", 1, 100);
    };
    EXPECT_THROW(ranks(), UserError) << text;
  }
}

TEST(CommandLine, SetWantsAKeyAndAValue) {
  EXPECT_NE(message_of({"train", "run.yaml", "--set", "x"}).find("wanted KEY=VALUE"), std::string::npos);
  EXPECT_NE(message_of({"train", "run.yaml", "--set", "=x"}).find("wanted KEY=VALUE"), std::string::npos);
  EXPECT_EQ(parse_command_line({"train", "run.yaml", "--set", "a=b=c"}).sets[0].value, "b=c");
}

TEST(CommandLine, ADashAloneIsAValue) {
  EXPECT_EQ(parse_command_line({"predict", "model", "--input", "-"}).value("input"), "-");
}

TEST(CommandLine, TheTextToPredictMayLookLikeAnything) {
  EXPECT_EQ(parse_command_line({"predict", "model", "--text", "Tax plan fails again"}).value("text"),
            "Tax plan fails again");
  EXPECT_EQ(parse_command_line({"predict", "model", "--text=--set"}).value("text"), "--set");
}

TEST(Help, ListsTheBuiltVerbsInTheOrderOfTheUsersDay) {
  const std::string text = main_help();
  size_t last = 0;
  for (const char* verb : {"init", "prepare", "inspect", "check", "train", "evaluate", "predict", "report", "export",
                           "verify", "doctor", "schema"}) {
    const size_t place = text.find(cat("\n  ", verb, " "));
    ASSERT_NE(place, std::string::npos) << verb;
    EXPECT_GT(place, last) << verb;
    last = place;
  }
}

TEST(Help, EveryOptionOfEveryVerbIsOnItsPage) {
  for (const VerbSpec& verb : verbs()) {
    if (!verb.built) continue;
    const std::string page = verb_help(verb);
    EXPECT_FALSE(verb.examples.empty()) << verb.name;
    for (const OptionSpec& option : all_options(verb)) EXPECT_NE(page.find("--" + option.name), std::string::npos);
  }
}

TEST(Help, TheExamplesParse) {
  for (const VerbSpec& verb : verbs()) {
    for (const std::string& example : verb.examples) {
      const size_t start = example.find("broadsheet " + verb.name);
      ASSERT_NE(start, std::string::npos) << example;
      std::vector<std::string> arguments;
      bool quoted = false, fresh = true;
      for (const char letter : example.substr(start + std::string("broadsheet ").size())) {
        if (letter == '>' && !quoted) break;
        if (letter == '\'') {
          quoted = !quoted;
        } else if (letter == ' ' && !quoted) {
          fresh = true;
        } else {
          if (fresh) arguments.emplace_back();
          fresh = false;
          arguments.back() += letter;
        }
      }
      EXPECT_EQ(message_of(arguments), "") << example;
    }
  }
}

// Regenerate with BROADSHEET_WRITE_DOCS=1.
TEST(Help, ThePageInDocsIsTheProgramsOwn) {
  const std::string path = std::string(BROADSHEET_SOURCE_DIR) + "/docs/cli.md";
  if (std::getenv("BROADSHEET_WRITE_DOCS") != nullptr) std::ofstream(path) << cli_reference();
  EXPECT_EQ(read_file(path), cli_reference());
}

}  // namespace
}  // namespace broadsheet
