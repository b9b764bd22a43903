// What identifies persons is found, whatever stands around it, and what only looks like it stays.
#include "data/cleaning/deidentify.h"

#include <sys/stat.h>

#include <random>

#include "core/hmac.h"
#include "corpus_fixture.h"
#include "data/cleaning/check_digits.h"

namespace broadsheet {
namespace {

std::string replaced(std::string text, const DeidentifyConfig& config = {}, IdentifierCounts* counts = nullptr) {
  IdentifierCounts none{};
  Deidentifier(config, "/nowhere/corpus").apply(text, counts ? *counts : none);
  return text;
}

TEST(CheckDigits, AreThoseOfTheStandards) {
  EXPECT_TRUE(has_luhn_digit("4111111111111111"));
  EXPECT_FALSE(has_luhn_digit("4111111111111112"));
  EXPECT_TRUE(has_luhn_digit("79927398713"));  // the example of ISO/IEC 7812
  EXPECT_TRUE(is_card_range("378282246310005"));
  EXPECT_FALSE(is_card_range("9999999999999995"));
  EXPECT_TRUE(is_iban("GB82WEST12345698765432"));  // of the registry, as the next ones
  EXPECT_TRUE(is_iban("DE89370400440532013000"));
  EXPECT_TRUE(is_iban("NO9386011117947"));
  EXPECT_FALSE(is_iban("GB82WEST12345698765433"));
  EXPECT_FALSE(is_iban("DE8937040044053201300"));
  EXPECT_EQ(iban_length("ZZ"), 0u);
  EXPECT_TRUE(is_resident_id("11010519491231002X"));  // of GB 11643's commentary
  EXPECT_FALSE(is_resident_id("110105194912310021"));
  EXPECT_FALSE(is_resident_id("11010519491331002X"));
  EXPECT_TRUE(is_ssn("078051120"));
  for (const char* never : {"000123456", "666123456", "900123456", "123006789", "123450000"})
    EXPECT_FALSE(is_ssn(never)) << never;
}

TEST(Hmac, IsThatOfRfc4231) {
  const std::string mac = hmac_sha256("Jefe", "what do ya want for nothing?");
  ASSERT_EQ(mac.size(), 32u);
  EXPECT_EQ(mac.substr(0, 8), "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e");
  EXPECT_EQ(mac.substr(28), "\x64\xec\x38\x43");
}

struct Case {
  const char* text;
  const char* wanted;
};

class Finds : public testing::TestWithParam<Case> {};
TEST_P(Finds, AndKeepsWhatStandsAround) {
  EXPECT_EQ(replaced(GetParam().text), GetParam().wanted);
}

INSTANTIATE_TEST_SUITE_P(Addresses, Finds,
                         testing::Values(Case{"Write to jo.smith+news@mail.example.co.uk.", "Write to [EMAIL]."},
                                         Case{"邮箱zhang_san@example.com，谢谢", "邮箱[EMAIL]，谢谢"},
                                         Case{"<mailto:a.b@c-d.org>", "<mailto:[EMAIL]>"},
                                         Case{"q=1&mail=jo@example.com&x", "q=1&mail=[EMAIL]&x"},
                                         Case{"13800138000@qq.com", "[EMAIL]"},
                                         Case{"josé@exämple.de, J.DOE@EXAMPLE.COM", "[EMAIL], [EMAIL]"},
                                         Case{"'jo@example.com'", "'[EMAIL]'"},
                                         Case{"{\"email\":\"x@y.io\"}", "{\"email\":\"[EMAIL]\"}"},
                                         Case{"thanks @jo_smith! and @bob.", "thanks [HANDLE]! and [HANDLE]."},
                                         Case{"follow @jo@mastodon.social now", "follow [HANDLE] now"},
                                         Case{"转发@人民日报 的微博", "转发[HANDLE] 的微博"},
                                         Case{"from 192.168.10.7:8080, and 10.0.0.254", "from [IP]:8080, and [IP]"},
                                         Case{"来自2001:0db8:85a3:0000:0000:8a2e:0370:7334的请求", "来自[IP]的请求"},
                                         Case{"(fe80::1ff:fe23:4567:890a) ::ffff:203.0.113.9", "([IP]) [IP]"},
                                         Case{"http://203.0.113.9/index.html", "http://[IP]/index.html"},
                                         Case{"see https://example.com/a?id=7&token=abc123.", "see [URL]."},
                                         Case{"(https://jo:secret@example.com/x)", "([URL])"},
                                         Case{"www.example.com/reset/9f8e7d6c5b4a39", "[URL]"},
                                         Case{"点击https://example.com/v?sig=Zm9v链接", "点击[URL]链接"},
                                         Case{"https://example.com/#access_token=eyJhbGciOi", "[URL]"}));

INSTANTIATE_TEST_SUITE_P(
    Numbers, Finds,
    testing::Values(Case{"Call +1 (212) 555-0143 now", "Call [PHONE] now"}, Case{"+44 20 7946 0958.", "[PHONE]."},
                    Case{"ring (212) 555-0143 x12 or 212.555.0143", "ring [PHONE] or [PHONE]"},
                    Case{"1-800-555-0199; 020 7946 0958; 07700900123", "[PHONE]; [PHONE]; [PHONE]"},
                    Case{"01 23 45 67 89 und 030/901820123", "[PHONE] und [PHONE]"},
                    Case{"手机13800138000，座机(010) 6552 9988。", "手机[PHONE]，座机[PHONE]。"},
                    Case{"电话：0755-26981234转801", "电话：[PHONE]"}, Case{"+86 138-0013-8000", "[PHONE]"},
                    Case{"008613800138000", "[PHONE]"}, Case{"tel: 5550143", "tel: [PHONE]"},
                    Case{"my phone number is 555 0143.", "my phone number is [PHONE]."},
                    Case{"客服电话 4008108888", "客服电话 [PHONE]"},
                    Case{"card 4111 1111 1111 1111, exp", "card [CARD], exp"}, Case{"3782-822463-10005", "[CARD]"},
                    Case{"卡号6222021234567890128。", "卡号[CARD]。"}, Case{"5555555555554444", "[CARD]"},
                    Case{"IBAN: GB82 WEST 1234 5698 7654 32.", "IBAN: [IBAN]."},
                    Case{"to DE89370400440532013000,", "to [IBAN],"}, Case{"de89 3704 0044 0532 0130 00", "[IBAN]"},
                    Case{"身份证号11010519491231002X。", "身份证号[RESIDENT_ID]。"},
                    Case{"id 110105 19491231 002x", "id [RESIDENT_ID]"},
                    Case{"SSN 078-05-1120 (old)", "SSN [SSN] (old)"}, Case{"SSN: 078051120", "SSN: [SSN]"},
                    Case{"219 09 9999", "[SSN]"}));

class Stays : public testing::TestWithParam<const char*> {};
TEST_P(Stays, AsItIs) {
  EXPECT_EQ(replaced(GetParam()), GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    LooksLikeIt, Stays,
    testing::Values("On 2020-11-28 and 28.11.2020, 11/28/2020, 20201128 at 12:30:45 (01-02-2020 10:15).",
                    "from 1998-2004 to 2019/20", "It cost $1,234,567,890 or 1 234 567 € and £12.50; up 3.14159265 %",
                    "They won 3-2, 21-19, 6-4 7-6 and 112:98.",
                    "version 1.2.3.4, v10.0.19.1, iOS 14.4.2, Chrome/91.0.44.12 and section 10.2.30.4",
                    "ISBN 978-0-306-40615-7, ISBN 0-306-40615-2, ISBN: 0306406152, ISSN 2049-3630, doi:10.1000/182",
                    "Rule 3.1.4.1, 256.300.1.2 and 0.0.0.0", "总额15000000000元，同比增长12.5%",
                    "2020年11月28日，第10.1.20.3节", "in 1984 1985 1986 1987 and 2020 2021 2022",
                    "4111111111111112 is no card, nor 1234 5678 9012 3456",
                    "110105194912310021 has the wrong check digit", "GB82WEST12345698765433 and XX00 1234 5678",
                    "000-12-3456 666-12-3456 123-45-67890 12-345-6789", "std::vector<int> a::b and 10:20:30:40",
                    "at 5 @ 3 for 2@1.50, me@home, @ 7, @7pm",
                    "https://example.com/2020/11/28/a-long-title-13800138000?page=2",
                    "https://example.com/?utm_source=newsletter2020november28&utm_campaign=spring",
                    "www.example.com/reset and http://example.com:8080/", "00:1a:2b:3c:4d:5e is a MAC address",
                    "+1,000 jobs, +12.5 points, odds of +150", "He ran 100 200 400 metres; 36 24 36",
                    "Psalm 119:105-112", "population 1339724852", "call 2020-11-28 a good day",
                    "[EMAIL] [PHONE] *** [NAME_abcdefghij23]", "١٣٨٠٠١٣٨٠٠٠"));

TEST(Deidentify, IsTheSameWhenDoneTwice) {
  for (const DeidentifyPolicy policy : {DeidentifyPolicy::kMask, DeidentifyPolicy::kPlaceholder}) {
    DeidentifyConfig config;
    config.policy = policy;
    const std::string once = replaced("a@b.org, +44 20 7946 0958, @jo, 4111111111111111", config);
    EXPECT_EQ(replaced(once, config), once);
  }
}

TEST(Deidentify, CountsByKindAndObeysPolicies) {
  DeidentifyConfig config;
  config.policy = DeidentifyPolicy::kMask;
  config.kinds = {{"email", DeidentifyPolicy::kPlaceholder}, {"handle", DeidentifyPolicy::kKeep}};
  IdentifierCounts counts{};
  EXPECT_EQ(replaced("@jo a@b.org c@d.org 13800138000", config, &counts), "@jo [EMAIL] [EMAIL] ***");
  EXPECT_EQ(named_counts(counts), (std::map<std::string, int64_t>{{"email", 2}, {"phone", 1}}));
}

TEST(Deidentify, OverlappingFindingsBecomeOne) {
  std::vector<Finding> findings = {{5, 9, IdentifierKind::kPhone},
                                   {0, 7, IdentifierKind::kUrl},
                                   {12, 14, IdentifierKind::kName},
                                   {12, 14, IdentifierKind::kHandle}};
  merge_findings(findings);
  EXPECT_EQ(findings, (std::vector<Finding>{{0, 9, IdentifierKind::kUrl}, {12, 14, IdentifierKind::kHandle}}));
}

class WithFiles : public testing::Test {
 protected:
  std::string key_file(const std::string& name, const std::string& text, mode_t mode = 0600) {
    write_text(folder_ / name, text);
    EXPECT_EQ(chmod((folder_ / name).c_str(), mode), 0);
    return folder_ / name;
  }
  TempFolder folder_;
};

using PeopleNames = WithFiles;
TEST_F(PeopleNames, AreFoundAsTheyAreWrittenAndNowhereElse) {
  DeidentifyConfig config;
  config.name_list =
      write_text(folder_ / "names", "# staff\nMary Smith\tM. Smith\nSmith\n张伟\nJosé Ruiz\n\nMary Smithson\n");
  EXPECT_EQ(replaced("Mary Smith's, Mary  Smith; Mary\nSmith. M. Smith", config), "[NAME]'s, [NAME]; [NAME]. [NAME]");
  EXPECT_EQ(replaced("Mary Smithson and Blacksmith, Smithers, mary smith", config),
            "[NAME] and Blacksmith, Smithers, mary smith");
  EXPECT_EQ(replaced("记者张伟报道 José Ruiz éSmith", config), "记者[NAME]报道 [NAME] éSmith");
}

TEST_F(PeopleNames, OfAListMustBeNames) {
  DeidentifyConfig config;
  const auto codes = [&](const std::string& list) {
    config.name_list = write_text(folder_ / "names", list);
    return user_error_codes([&] { replaced("x", config); });
  };
  const std::vector<std::string> refused = {"corpus.names"};
  EXPECT_EQ(codes("\n# nobody\n"), refused);
  EXPECT_EQ(codes("x\n"), refused);
  EXPECT_EQ(codes("Jo Doe\nAl Coe\tJo Doe\n"), refused);
  EXPECT_EQ(codes(std::string(201, 'a') + "\n"), refused);
  config.name_list = folder_ / "missing";
  EXPECT_EQ(user_error_codes([&] { replaced("x", config); }), refused);
}

using Pseudonyms = WithFiles;
TEST_F(Pseudonyms, AreOnePerPersonAndKey) {
  DeidentifyConfig config;
  config.policy = DeidentifyPolicy::kPseudonym;
  config.key = key_file("key", "0123456789abcdef0123\n");
  config.name_list = write_text(folder_ / "names", "Mary Smith\tM. Smith\n");
  const auto one = [&](const std::string& text) { return replaced(text, config); };
  EXPECT_EQ(one("Jo@Example.com"), one("jo@example.com"));
  EXPECT_NE(one("jo@example.com"), one("jo@example.org"));
  EXPECT_EQ(one("+86 138 0013 8000"), one("13800138000"));
  EXPECT_EQ(one("GB82 WEST 1234 5698 7654 32"), one("GB82WEST12345698765432"));
  EXPECT_EQ(one("Mary  Smith"), one("M. Smith"));
  EXPECT_EQ(one("a@b.org").size(), std::string("[EMAIL_").size() + 12 + 1);
  EXPECT_EQ(one(one("a@b.org 13800138000 @jo Mary Smith")), one("a@b.org 13800138000 @jo Mary Smith"));
  const std::string before = one("jo@example.com");
  const std::string fingerprint = Deidentifier(config, "/nowhere").configuration()["key_fingerprint"];
  config.key = key_file("other", "0123456789abcdef0124\n");
  EXPECT_NE(one("jo@example.com"), before);
  EXPECT_NE(Deidentifier(config, "/nowhere").configuration()["key_fingerprint"], fingerprint);
}

TEST_F(Pseudonyms, NeedAKeyThatNobodyElseReads) {
  DeidentifyConfig config;
  config.policy = DeidentifyPolicy::kPseudonym;
  const auto codes = [&](const std::string& path) {
    config.key = path;
    return user_error_codes([&] { Deidentifier(config, folder_ / "corpus"); });
  };
  const std::vector<std::string> refused = {"corpus.key"};
  EXPECT_EQ(codes(key_file("good", "0123456789abcdef")), std::vector<std::string>{});
  EXPECT_EQ(codes(folder_ / "missing"), refused);
  EXPECT_EQ(codes(folder_.path()), refused);
  EXPECT_EQ(codes(key_file("group", "0123456789abcdef", 0640)), refused);
  EXPECT_EQ(codes(key_file("world", "0123456789abcdef", 0604)), refused);
  EXPECT_EQ(codes(key_file("short", "0123456789abcde\n")), refused);
  EXPECT_EQ(codes(key_file("corpus/key", "0123456789abcdef")), refused);
}

// --- a small form of the campaign's D06 ------------------------------------------------------------------------------
std::string digits(std::mt19937& random, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += static_cast<char>('0' + random() % 10);
  return text;
}

template <class Check>
std::string until(Check check, std::mt19937& random, const std::string& begin, size_t count) {
  for (;;) {
    std::string text = begin + digits(random, count);
    if (check(text)) return text;
  }
}

std::string identifier(size_t kind, std::mt19937& random) {
  const auto word = [&] {
    std::string text;
    for (size_t i = 0; i < 3 + random() % 6; ++i) text += static_cast<char>('a' + random() % 26);
    return text;
  };
  const auto byte = [&] { return 1 + random() % 255; };
  switch (kind) {
    case 0:
      return cat(word(), ".", word(), digits(random, 2), "@", word(), ".com");
    case 1:
      return cat("+", 1 + random() % 98, " ", digits(random, 3), " ", digits(random, 7));
    case 2:
      return "13" + digits(random, 9);
    case 3:
      return until(has_luhn_digit, random, "4", 15);
    case 4:
      return until(is_iban, random, cat("DE", digits(random, 2)), 18);
    case 5:
      return until(is_resident_id, random, cat("1101051949", "12", "31"), 4);
    case 6: {
      const std::string ssn = until(is_ssn, random, "", 9);
      return cat(ssn.substr(0, 3), "-", ssn.substr(3, 2), "-", ssn.substr(5));
    }
    case 7:
      return cat(byte(), ".", 10 + byte() % 200, ".", byte(), ".", byte());
    case 8:
      return cat("@", word(), "_", digits(random, 2));
    default:
      return cat("https://", word(), ".com/", word(), "?token=", word(), digits(random, 6));
  }
}

TEST(Deidentify, FindsWhatIsPlantedAndLeavesTheRest) {
  std::mt19937 random(7);
  const std::vector<std::pair<std::string, std::string>> layouts = {
      {"The mayor wrote: ", ", and the council of 12 met on 2020-11-28."},
      {"(", ")"},
      {"市长说：“", "”，会议于2020年11月28日举行。"},
      {"{\"a\": \"", "\"}"},
      {"", ".\nNext line has 3,400 people."}};
  int missed = 0, planted = 0;
  for (int round = 0; round < 200; ++round)
    for (size_t kind = 0; kind < 10; ++kind) {
      const std::string one = identifier(kind, random);
      const auto& [before, after] = layouts[random() % layouts.size()];
      const std::string out = replaced(before + one + after);
      ++planted;
      const bool exact = out.size() > before.size() + after.size() && starts_with(out, before) && ends_with(out, after);
      if (out.find(one) != std::string::npos || !exact || out == before + one + after) {
        ++missed;
        ADD_FAILURE() << before + one + after << " -> " << out;
      }
    }
  EXPECT_EQ(planted, 2000);
  EXPECT_EQ(missed, 0);
}

TEST_F(WithFiles, NothingOfItIsLeftInACorpus) {
  const std::string secret = "jo.smith@example.com", phone = "13800138000";
  std::string lines;
  for (int i = 0; i < 60; ++i)
    lines += cat("{\"text\": \"news ", i, " ask ", secret, " or ", phone, "\", \"author\": \"", secret, "\"}\n");
  lines += cat("{\"text\": \"", secret, "\", \"text\": \"", phone, "\"}\n", "{\"", secret, "\": \"", phone, "\"\n");
  // Equal once nobody can be told apart: the second is a duplicate.
  lines += "{\"text\": \"ask a@b.org\", \"author\": \"x\"}\n{\"text\": \"ask c@d.org\", \"author\": \"y\"}\n";
  CorpusConfig config = text_corpus(folder_, write_text(folder_ / "in.jsonl", lines), "jsonl");
  config.fields["author"] = field("author", FieldKind::kCategory);
  config.max_rejected_share = 0.5;
  config.deidentify.emplace();
  config.deidentify->fields = {"text", "author"};
  const PrepareReport report = prepare_corpus(config);
  EXPECT_EQ(report.rejected, 2);
  EXPECT_EQ(report.duplicates, 1);
  EXPECT_EQ(report.deidentified, (std::map<std::string, int64_t>{{"email", 122}, {"phone", 60}}));
  EXPECT_EQ(report.json()["deidentified"]["phone"], 60);
  for (const auto& [name, bytes] : all_files(config.output))
    for (const std::string& one : {secret, phone}) EXPECT_EQ(bytes.find(one), std::string::npos) << name;
  const auto corpus = ShardSet::open(config.output);
  const auto tokenizer = load_tokenizer(config.tokenizer);
  const std::vector<int32_t> wanted = tokenizer->encode("ask [EMAIL] or [PHONE]");
  const auto ids = corpus->tokens(Split::kTrain, "text", 0);
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), ids.end() - static_cast<ptrdiff_t>(wanted.size())));
  EXPECT_TRUE(prepare_corpus(config).already_prepared);
  config.deidentify->policy = DeidentifyPolicy::kMask;
  EXPECT_EQ(user_error_codes([&] { prepare_corpus(config); }), std::vector<std::string>{"corpus.exists"});
}

TEST_F(WithFiles, ACorpusDependsNeitherOnProcessesNorOnPieces) {
  std::string lines;
  for (int i = 0; i < 900; ++i)
    lines += cat("news ", i, " ask jo", i % 50, "@example.com or 1380013", 1000 + i % 90, "\n");
  CorpusConfig config = text_corpus(folder_, write_text(folder_ / "in.txt", lines), "text");
  config.deidentify.emplace();
  config.deidentify->policy = DeidentifyPolicy::kPseudonym;
  config.deidentify->key = key_file("key", "0123456789abcdef");
  std::map<std::string, std::string> reference;
  int made = 0;
  for (const auto& [ranks, bytes] : {std::pair<int64_t, int64_t>{1, 1 << 30}, {1, 700}, {3, 5000}}) {
    config.output = folder_ / cat("corpus-", ++made);
    const PrepareReport report = prepare_corpus(config, {.ranks = ranks, .piece_bytes = bytes});
    EXPECT_EQ(report.deidentified.at("email"), 900);
    if (made == 1) reference = all_files(config.output);
    EXPECT_EQ(all_files(config.output), reference) << ranks << " ranks, " << bytes << " bytes";
  }
}

}  // namespace
}  // namespace broadsheet
