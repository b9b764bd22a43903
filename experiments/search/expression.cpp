#include "experiments/search/expression.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "core/errors.h"
#include "core/text.h"
#include "experiments/search/expression_node.h"

namespace broadsheet {
namespace {

constexpr size_t kMostCharacters = 1000;
constexpr int kDeepest = 32;

using Node = Expression::Node;
using NodePointer = std::shared_ptr<const Node>;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// What other languages write for our words.
const std::map<std::string, std::string>& foreign_operators() {
  static const std::map<std::string, std::string> words = {
      {"&&", "and"}, {"&", "and"}, {"||", "or"},  {"|", "or"},     {"!", "not"},
      {"=", "=="},   {"<>", "!="}, {"===", "=="}, {"**", "a * a"}, {"//", "/"},
  };
  return words;
}

struct Token {
  enum class Kind { kEnd, kNumber, kText, kWord, kSymbol };
  Kind kind = Kind::kEnd;
  std::string text;  // as it stands there; kText: without its quotes
  nlohmann::json value;
  int column = 0;
};

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  Token next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
    Token token;
    token.column = column_of(at_);
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number(token);
    if (c == '\'' || c == '"') return quoted(token);
    if (is_letter(c)) return word(token);
    return symbol(token);
  }

 private:
  // Columns count characters, as editors do.
  int column_of(size_t byte) const {
    const auto begin = text_.begin(), end = begin + static_cast<std::ptrdiff_t>(byte);
    return 1 + static_cast<int>(std::count_if(begin, end, [](char c) { return (c & 0xC0) != 0x80; }));
  }

  Token number(Token token) {
    const size_t begin = at_;
    bool whole = true;
    while (at_ < text_.size() && (is_digit(text_[at_]) || is_letter(text_[at_]) || text_[at_] == '.')) {
      const bool exponent = text_[at_] == 'e' || text_[at_] == 'E';
      whole = whole && is_digit(text_[at_]);
      ++at_;
      if (exponent && at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
    }
    token.kind = Token::Kind::kNumber;
    token.text = text_.substr(begin, at_ - begin);
    const char* const first = token.text.data();
    const char* const last = first + token.text.size();
    int64_t integer = 0;
    double real = 0;
    if (whole && std::from_chars(first, last, integer).ec == std::errc()) {
      token.value = integer;
      return token;
    }
    const auto result = std::from_chars(first, last, real);
    if (result.ec != std::errc() || result.ptr != last || !std::isfinite(real)) {
      throw_expression(text_, token.column, cat("found ", token.text, ", wanted a number"),
                       "write it in digits, for example 0.1 or 5e-5, and a text that begins with one in quotes");
    }
    token.value = real;
    return token;
  }

  Token quoted(Token token) {
    const size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) {
      throw_expression(text_, token.column, "a quote is opened and never closed", "close it");
    }
    token.kind = Token::Kind::kText;
    token.text = text_.substr(at_ + 1, end - at_ - 1);
    token.value = token.text;
    at_ = end + 1;
    return token;
  }

  Token word(Token token) {
    const size_t begin = at_;
    while (at_ < text_.size()) {
      const bool dot = text_[at_] == '.' && at_ + 1 < text_.size() && is_letter(text_[at_ + 1]);
      if (!dot && !is_letter(text_[at_]) && !is_digit(text_[at_])) break;
      ++at_;
    }
    token.kind = Token::Kind::kWord;
    token.text = text_.substr(begin, at_ - begin);
    return token;
  }

  Token symbol(Token token) {
    static const std::vector<std::string_view> symbols = {"===", "==", "!=", "<=", ">=", "<>", "&&", "||", "**",
                                                          "//",  "<",  ">",  "+",  "-",  "*",  "/",  "%",  "(",
                                                          ")",   "[",  "]",  ",",  "&",  "|",  "!",  "="};
    token.kind = Token::Kind::kSymbol;
    for (const std::string_view one : symbols) {
      if (!starts_with(text_.substr(at_), one)) continue;
      token.text = one;
      at_ += one.size();
      const auto foreign = foreign_operators().find(token.text);
      if (foreign == foreign_operators().end()) return token;
      throw_expression(text_, token.column, cat("found ", token.text, ", which means nothing here"),
                       cat("write ", foreign->second));
    }
    size_t size = 1;
    while (at_ + size < text_.size() && (text_[at_ + size] & 0xC0) == 0x80) ++size;
    throw_expression(text_, token.column,
                     cat("found ", printable(text_.substr(at_, size)), ", wanted a name, a value or an operator"),
                     "put texts in quotes");
  }

  std::string_view text_;
  size_t at_ = 0;
};

// Recursive descent; one function per level of the table in the header.
class Parser {
 public:
  Parser(std::string_view text, const Expression::Known& known, const std::vector<std::string>& candidates)
      : text_(text), known_(known), candidates_(candidates), tokens_(text) {
    advance();
  }

  std::shared_ptr<Node> parse() {
    const NodePointer top = any_of();
    if (token_.kind != Token::Kind::kEnd) {
      throw_expression(text_, token_.column, cat("found ", describe_token(), ", wanted an operator or the end"),
                       "join two conditions by and or or");
    }
    auto root = std::make_shared<Node>(*top);
    root->text = std::string(text_);
    root->names = std::move(names_);
    return root;
  }

 private:
  using Kind = Node::Kind;
  using Operators = std::map<std::string, Kind>;
  // Counts how deep the functions below stand in each other.
  class Level {
   public:
    Level(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ <= kDeepest) return;
      throw_expression(parser_.text_, parser_.token_.column, cat("nested deeper than ", kDeepest, " levels"),
                       "write several conditions");
    }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
  };

  void advance() { token_ = tokens_.next(); }
  bool is(const std::string& text) const {
    return token_.text == text && (token_.kind == Token::Kind::kSymbol || token_.kind == Token::Kind::kWord);
  }
  bool take(const std::string& text) {
    if (!is(text)) return false;
    advance();
    return true;
  }
  std::string describe_token() const {
    if (token_.kind == Token::Kind::kEnd) return "the end";
    return token_.kind == Token::Kind::kText ? cat("'", printable(token_.text, 40), "'") : printable(token_.text, 40);
  }
  static NodePointer node(Kind kind, int column, std::vector<NodePointer> parts) {
    return std::make_shared<Node>(Node{kind, column, {}, std::move(parts), {}, {}});
  }
  const Kind* operator_of(const Operators& operators) const {
    if (token_.kind != Token::Kind::kSymbol && token_.kind != Token::Kind::kWord) return nullptr;
    const auto found = operators.find(token_.text);
    return found == operators.end() ? nullptr : &found->second;
  }

  NodePointer from_left(const Operators& operators, NodePointer (Parser::*part)()) {
    NodePointer left = (this->*part)();
    while (const Kind* kind = operator_of(operators)) {
      const int column = token_.column;
      advance();
      left = node(*kind, column, {left, (this->*part)()});
    }
    return left;
  }

  NodePointer any_of() {
    const Level level(*this);
    return from_left({{"or", Kind::kOr}}, &Parser::all_of);
  }
  NodePointer all_of() { return from_left({{"and", Kind::kAnd}}, &Parser::negation); }
  NodePointer negation() {
    const int column = token_.column;
    if (!take("not")) return comparison();
    const Level level(*this);
    return node(Kind::kNot, column, {negation()});
  }
  NodePointer comparison() {
    static const Operators operators = {{"==", Kind::kEqual},     {"!=", Kind::kUnequal}, {"<", Kind::kLess},
                                        {"<=", Kind::kLessEqual}, {">", Kind::kGreater},  {">=", Kind::kGreaterEqual},
                                        {"in", Kind::kIn},        {"not", Kind::kNotIn}};
    NodePointer left = sum();
    const Kind* kind = operator_of(operators);
    if (kind == nullptr) return left;
    const int column = token_.column;
    advance();
    if (*kind == Kind::kNotIn && !take("in")) {
      throw_expression(text_, token_.column, cat("found ", describe_token(), " after not, wanted in"),
                       "write a not in [b, c], or not (a == b)");
    }
    NodePointer compared = node(*kind, column, {left, sum()});
    if (operator_of(operators) == nullptr) return compared;
    throw_expression(text_, token_.column, cat("found ", token_.text, " after a comparison"),
                     "write a < b and b < c instead of a < b < c");
  }
  NodePointer sum() { return from_left({{"+", Kind::kAdd}, {"-", Kind::kSubtract}}, &Parser::product); }
  NodePointer product() {
    return from_left({{"*", Kind::kMultiply}, {"/", Kind::kDivide}, {"%", Kind::kRemainder}}, &Parser::sign);
  }
  NodePointer sign() {
    const int column = token_.column;
    if (!take("-")) return primary();
    const Level level(*this);
    return node(Kind::kNegate, column, {sign()});
  }

  NodePointer primary() {
    const Token token = token_;
    if (take("(")) {
      NodePointer inside = any_of();
      close(")", token.column);
      return inside;
    }
    if (take("[")) return list(token.column);
    if (token.kind == Token::Kind::kNumber || token.kind == Token::Kind::kText) {
      advance();
      return std::make_shared<Node>(Node{Kind::kValue, token.column, token.value, {}, {}, {}});
    }
    const bool reserved = is("and") || is("or") || is("not") || is("in");
    if (token.kind == Token::Kind::kWord && !reserved) return word(token);
    throw_expression(text_, token.column, cat("found ", describe_token(), ", wanted a name or a value"),
                     reserved ? "a text that is a word of this language needs quotes" : "complete the condition");
  }

  NodePointer list(int column) {
    std::vector<NodePointer> items;
    if (!is("]")) {
      items.push_back(any_of());
      while (take(",")) items.push_back(any_of());
    }
    close("]", column);
    return node(Kind::kList, column, std::move(items));
  }

  void close(const std::string& bracket, int opened) {
    if (take(bracket)) return;
    throw_expression(text_, token_.column,
                     cat("found ", describe_token(), ", wanted ", bracket, " for the bracket of column ", opened),
                     "close it, and put commas between a list's items");
  }

  NodePointer word(const Token& token) {
    advance();
    Node leaf{Kind::kValue, token.column, token.text, {}, {}, {}};
    if (token.text == "true" || token.text == "false") {
      leaf.value = token.text == "true";
    } else if (known_(token.text)) {
      leaf.kind = Kind::kName;
      names_.insert(token.text);
    } else if (token.text.find('.') != std::string::npos) {
      const std::string near = nearest(token.text, candidates_);
      throw_expression(text_, token.column, cat("found ", printable(token.text), ", which is no key"),
                       near.empty() ? "name a parameter or a key of the run file, or put the text in quotes"
                                    : cat("did you mean ", near, "?"));
    }
    return std::make_shared<Node>(std::move(leaf));
  }

  std::string_view text_;
  const Expression::Known& known_;
  const std::vector<std::string>& candidates_;
  Tokenizer tokens_;
  Token token_;
  int depth_ = 0;
  std::set<std::string> names_;
};

}  // namespace

void throw_expression(std::string_view text, int column, const std::string& what, const std::string& remedy) {
  throw UserError("sweep.expression", cat("column ", column, " of \"", printable(text, 120), "\": ", what), remedy);
}

Expression::Expression(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

Expression Expression::parse(std::string_view text, const Known& known, const std::vector<std::string>& names) {
  if (text.size() > kMostCharacters) {
    throw_expression(text, 1, cat("found ", text.size(), " characters, wanted at most ", kMostCharacters),
                     "write several conditions");
  }
  return Expression(Parser(text, known, names).parse());
}

const std::string& Expression::text() const {
  return root_->text;
}
const std::set<std::string>& Expression::names() const {
  return root_->names;
}

}  // namespace broadsheet
