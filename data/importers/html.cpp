#include "data/importers/html.h"

#include <libxml/HTMLparser.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "core/text.h"

namespace broadsheet {
namespace {

struct FreeDocument {
  void operator()(xmlDoc* document) const { xmlFreeDoc(document); }
};

std::string_view xml_text(const xmlChar* text) {
  return text ? reinterpret_cast<const char*>(text) : "";
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

std::string attribute(const xmlNode* node, const char* name) {
  xmlChar* value = xmlGetProp(node, reinterpret_cast<const xmlChar*>(name));
  std::string text(trim(xml_text(value)));
  xmlFree(value);
  return text;
}

// What is never an article's text.
bool is_hidden(const std::string& name) {
  static const std::set<std::string> names = {"script", "style",  "noscript", "template", "svg",    "math",  "iframe",
                                              "object", "select", "button",   "textarea", "canvas", "audio", "video"};
  return names.count(name) > 0;
}
bool is_furniture(const std::string& name) {
  static const std::set<std::string> names = {"nav", "footer", "aside", "form", "menu", "dialog"};
  return names.count(name) > 0;
}
bool is_inline(const std::string& name) {
  static const std::set<std::string> names = {
      "a",   "abbr", "acronym", "b",    "bdi", "bdo",  "big",    "cite",   "code", "data", "dfn",
      "del", "em",   "font",    "i",    "img", "ins",  "kbd",    "label",  "mark", "q",    "ruby",
      "s",   "samp", "small",   "span", "sub", "sup",  "strong", "strike", "time", "tt",   "u",
      "var", "wbr",  "rt",      "rp",   "rb",  "nobr", "body",   "html"};
  return names.count(name) > 0;
}

struct Block {
  std::string text;
  double words = 0, linked = 0;
  double density() const { return words > 0 ? linked / words : 0; }
};

constexpr double kWordsOfIdeograph = 0.5;

// Adds what the text is worth, word by word; blanks become one.
void append_text(Block& block, std::string_view text, bool linked) {
  double words = 0;
  bool inside = !block.text.empty() && block.text.back() != ' ';
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+00A0 and U+3000, as UTF-8
    const bool no_break = text.compare(i, 2, "\xc2\xa0") == 0, wide = text.compare(i, 3, "\xe3\x80\x80") == 0;
    if (c <= ' ' || no_break || wide) {
      if (!block.text.empty() && block.text.back() != ' ') block.text += ' ';
      inside = false;
      i += wide ? 2 : no_break ? 1 : 0;
      continue;
    }
    const bool ideograph = c >= 0xE3 && c <= 0xE9;  // U+3000 to U+9FFF
    if (ideograph) {
      words += kWordsOfIdeograph;
      inside = false;
    } else if (!inside && (c < 0x80 || c >= 0xC0)) {  // not a character's later byte
      words += 1;
      inside = true;
    }
    block.text += text[i];
    if (ideograph)
      for (int more = 0; more < 2 && i + 1 < text.size(); ++more) block.text += text[++i];
  }
  block.words += words;
  if (linked) block.linked += words;
}

class Collector {
 public:
  explicit Collector(bool boilerplate) : boilerplate_(boilerplate) {}
  HtmlArticle article;

  // Pages may be nested without end: no recursion.
  void walk(const xmlNode* root) {
    const xmlNode* node = root;
    while (node != nullptr) {
      const bool descend = enter(node);
      if (descend && node->children != nullptr) {
        node = node->children;
        continue;
      }
      if (descend) leave(node);
      while (node != root && node->next == nullptr) {
        node = node->parent;
        leave(node);
      }
      node = node == root ? nullptr : node->next;
    }
    close_block();
  }

  std::string text() const {
    std::string out;
    for (size_t i = 0; i < blocks_.size(); ++i)
      if (boilerplate_ || is_content(i)) out += (out.empty() ? "" : "\n") + blocks_[i].text;
    return out;
  }

 private:
  void set(const char* key, const std::string& value) {
    if (!value.empty()) article.emplace(key, value);
  }

  // Whether its children are looked at, and leave() is called.
  bool enter(const xmlNode* node) {
    if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) {
      if (in_title_)
        append_text(title_, xml_text(node->content), false);
      else
        append_text(block_, xml_text(node->content), links_ > 0);
      return false;
    }
    if (node->type != XML_ELEMENT_NODE) return false;
    const std::string name = lowered(xml_text(node->name));
    if (is_hidden(name) || (!boilerplate_ && is_furniture(name))) {
      close_block();
      return false;
    }
    if (name == "html") set("language", attribute(node, "lang"));
    if (name == "meta") note_meta(node);
    if (name == "link" && lowered(attribute(node, "rel")) == "canonical") set("url", attribute(node, "href"));
    if (name == "time") set("date", attribute(node, "datetime"));
    if (name == "title") in_title_ = true;
    if (name == "a") ++links_;
    if (name == "br") append_text(block_, " ", false);
    if (!is_inline(name) && name != "br") close_block();
    return true;
  }

  void leave(const xmlNode* node) {
    if (node->type != XML_ELEMENT_NODE) return;
    const std::string name = lowered(xml_text(node->name));
    if (name == "title") {
      in_title_ = false;
      set("title", std::string(trim(title_.text)));
    }
    if (name == "a") --links_;
    if (!is_inline(name) && name != "br") close_block();
  }

  void note_meta(const xmlNode* node) {
    const std::string key = lowered(attribute(node, "property") + attribute(node, "name")),
                      value = attribute(node, "content");
    if (key == "og:title" && !value.empty()) article["title"] = value;  // without the site's name
    if (key == "description" || key == "og:description") set("description", value);
    if (key == "author" || key == "article:author") set("author", value);
    if (key == "article:published_time" || key == "date" || key == "dc.date") set("date", value);
    if (key == "og:url") set("url", value);
  }

  void close_block() {
    block_.text = std::string(trim(block_.text));
    if (!block_.text.empty()) blocks_.push_back(std::move(block_));
    block_ = {};
  }

  // The paper's rules; the thresholds are theirs.
  bool is_content(size_t i) const {
    static const Block none;
    const Block &before = i > 0 ? blocks_[i - 1] : none, &block = blocks_[i],
                &after = i + 1 < blocks_.size() ? blocks_[i + 1] : none;
    if (block.density() > 1.0 / 3) return false;
    if (before.density() > 0.555556) return block.words > 40 || after.words > 17;
    return block.words > 16 || after.words > 15 || before.words > 4;
  }

  bool boilerplate_;
  std::vector<Block> blocks_;
  Block block_, title_;
  int links_ = 0;
  bool in_title_ = false;
};

}  // namespace

HtmlArticle read_html(std::string_view page, const std::string& encoding, bool boilerplate) {
  const bool utf8 = is_utf8(page);
  const char* told = utf8 ? "UTF-8" : encoding.empty() ? nullptr : encoding.c_str();
  const std::unique_ptr<xmlDoc, FreeDocument> document(
      htmlReadMemory(page.data(), static_cast<int>(page.size()), nullptr, told,
                     HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET));
  const xmlNode* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
  if (root == nullptr) return {};
  Collector collector(boilerplate);
  collector.walk(root);
  HtmlArticle article = std::move(collector.article);
  article["text"] = collector.text();
  return article;
}

}  // namespace broadsheet
