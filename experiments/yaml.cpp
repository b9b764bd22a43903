#include "experiments/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <sstream>
#include <unordered_map>
#include <vector>

#include "core/durable.h"
#include "core/text.h"

namespace broadsheet {
namespace {

[[noreturn]] void throw_syntax(const Place& place, const std::string& what, const std::string& remedy) {
  throw UserError(Fault{"config.syntax", place, "", what, remedy});
}

// Builds the tree from the parser's events, one after another: nothing is ever built that a limit forbids.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& text, std::string file, Faults& faults)
      : text_(text), file_(std::move(file)), faults_(faults) {}

  ConfigNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    ConfigNode node;
    node.place = place(mark);
    add(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw_syntax(place(mark), "an alias inside of what it stands for", "write the value out");
    values_ += found->second.second;
    check_size(mark);
    ConfigNode copy = found->second.first;
    add(std::move(copy), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    if (tag == "!") check_closed(mark);
    ConfigNode node;
    node.kind = ConfigNode::Kind::kScalar;
    node.place = place(mark);
    node.text = value;
    node.quoted = tag == "!";
    const bool null =
        !node.quoted && (value == "~" || value == "null" || value == "Null" || value == "NULL" || value.empty());
    if (null) node.kind = ConfigNode::Kind::kNull;
    add(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, ConfigNode::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, ConfigNode::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    ConfigNode node;
    YAML::anchor_t anchor = 0;
    size_t values_before = 0;
    bool wants_key = true;  // map: the next node is a key
    bool drop = false;      // map: the next value belongs to a refused key
    std::string key;
    Place key_place;
    std::unordered_map<std::string, int> lines;  // map: where each key stands
  };

  Place place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw_syntax(place(mark), cat("found the tag ", tag.substr(0, 80)), "tags have no meaning here; remove it");
  }
  // The parser takes the end of the file for the missing quote.
  void check_closed(const YAML::Mark& mark) const {
    const size_t begin = static_cast<size_t>(mark.pos);
    if (begin >= text_.size() || (text_[begin] != '"' && text_[begin] != '\'')) return;
    for (size_t i = begin + 1; i < text_.size(); ++i) {
      if (text_[i] == text_[begin]) return;
      if (text_[i] == '\\' && text_[begin] == '"') ++i;
    }
    throw_syntax(place(mark), "a quote is opened and never closed", "close it");
  }
  // The dotted key of `name` in the innermost map.
  std::string full_key(const std::string& name) const {
    std::string key;
    for (size_t i = 0; i + 1 < frames_.size(); ++i) {
      if (frames_[i].node.is_map()) {
        key = join_key(key, frames_[i].key);
      } else {
        key += cat("[", frames_[i].node.items.size(), "]");
      }
    }
    return join_key(key, name);
  }
  void check_size(const YAML::Mark& mark) const {
    if (values_ > kMaxYamlValues) {
      throw_syntax(place(mark), cat("more than ", kMaxYamlValues, " values, aliases counted in full"),
                   "a configuration is small; write less");
    }
  }
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, ConfigNode::Kind kind) {
    refuse_tag(mark, tag);
    if (frames_.size() >= static_cast<size_t>(kMaxYamlDepth)) {
      throw_syntax(place(mark), cat("nested deeper than ", kMaxYamlDepth, " levels"),
                   "a configuration is flat; nest less");
    }
    if (!frames_.empty() && frames_.back().node.is_map() && frames_.back().wants_key) {
      throw_syntax(place(mark), "found a list or a map as a key", "keys are texts");
    }
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = place(mark);
    frame.anchor = anchor;
    frame.values_before = values_;
    frames_.push_back(std::move(frame));
  }
  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    const size_t size = values_ - frame.values_before + 1;
    if (frame.anchor != 0) {
      values_ += size;  // the copy takes memory too
      anchors_[frame.anchor] = {frame.node, size};
    }
    add(std::move(frame.node), 0);
  }

  void add(ConfigNode node, YAML::anchor_t anchor) {
    ++values_;
    const Place& at = node.place;
    if (values_ > kMaxYamlValues) {
      throw_syntax(at, cat("more than ", kMaxYamlValues, " values"), "a configuration is small; write less");
    }
    if (anchor != 0) anchors_[anchor] = {node, 1};
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.is_list()) {
      frame.node.items.push_back(std::move(node));
    } else if (frame.wants_key) {
      add_key(frame, node);
      frame.wants_key = false;
    } else {
      if (!frame.drop) frame.node.entries.push_back({frame.key, frame.key_place, std::move(node)});
      frame.wants_key = true;
    }
  }

  void add_key(Frame& frame, const ConfigNode& node) {
    frame.drop = true;
    if (!node.is_scalar() || node.text.empty()) {
      faults_.add({"config.syntax", node.place, "", "found " + describe(node) + " as a key", "keys are texts"});
      return;
    }
    if (node.text == "<<" && !node.quoted) {
      faults_.add({"config.merge", node.place, full_key("<<"), "merges are not read here", "write the keys out"});
      return;
    }
    if (const auto [first, fresh] = frame.lines.emplace(node.text, node.place.line); !fresh) {
      faults_.add({"config.duplicate_key", node.place, full_key(node.text),
                   cat("given twice, first at line ", first->second), "keep one of the two"});
      return;
    }
    frame.drop = false;
    frame.key = node.text;
    frame.key_place = node.place;
  }

  const std::string& text_;
  std::string file_;
  Faults& faults_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, std::pair<ConfigNode, size_t>> anchors_;  // value, how many values it holds
  size_t values_ = 0;
  ConfigNode root_;
};

// What the parser would stumble over, or read in its own way, is found on the raw text.
void check_text(const std::string& text, const std::string& file) {
  if (text.size() > kMaxYamlBytes) {
    throw_syntax({file, 0, 0},
                 cat("the file has ", human_bytes(text.size()), ", wanted at most ", human_bytes(kMaxYamlBytes)),
                 "this is no configuration file; check the name");
  }
  if (!is_utf8(text)) {
    int line = 0;
    for (const std::string& one : split(text, '\n')) {
      ++line;
      if (!is_utf8(one)) break;
    }
    throw_syntax({file, line, 0}, "the text is not UTF-8", "save the file in UTF-8");
  }
  int line = 1;
  size_t line_begin = 0;
  bool indentation = true;  // only blanks in this line so far
  int tab_column = 0;       // of the first tab among them
  int flow_depth = 0;       // an over-estimate (quotes and comments are counted too), so the limit is generous
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const int column = static_cast<int>(i - line_begin) + 1;
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (indentation && !blank) {
      if (tab_column > 0 && c != '#')
        throw_syntax({file, line, tab_column}, "found a tab as indentation", "indent with spaces");
      indentation = false;
    }
    if (c == '\n') {
      ++line;
      line_begin = i + 1;
      indentation = true;
      tab_column = 0;
    } else if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7F) {
      throw_syntax({file, line, column}, cat("found the control character ", static_cast<int>(c)), "remove it");
    } else if (c == '\t') {
      if (indentation && tab_column == 0) tab_column = column;
    } else if (c == '[' || c == '{') {
      if (++flow_depth > 16 * kMaxYamlDepth) throw_syntax({file, line, column}, "too many open brackets", "close them");
    } else if (c == ']' || c == '}') {
      --flow_depth;
    }
  }
}

ConfigNode parse(const std::string& text, const std::string& file, Faults& faults) {
  check_text(text, file);
  std::istringstream stream(text);
  try {
    YAML::Parser parser(stream);
    TreeBuilder builder(text, file, faults);
    if (!parser.HandleNextDocument(builder)) return {};
    ConfigNode root = builder.take();
    // What follows is not kept, but it must be nothing.
    Faults ignored;
    TreeBuilder rest(text, file, ignored);
    if (parser.HandleNextDocument(rest)) {
      const ConfigNode second = rest.take();
      throw_syntax(second.place, "a second document begins", "one file holds one document; remove the rest");
    }
    return root;
  } catch (const YAML::Exception& error) {
    throw_syntax({file, error.mark.line + 1, error.mark.column + 1}, error.msg, "correct the YAML there");
  }
}

}  // namespace

ConfigNode parse_yaml(const std::string& text, const std::string& file, Faults& faults) {
  try {
    const bool marked = starts_with(text, "\xEF\xBB\xBF");
    return parse(marked ? text.substr(3) : text, file, faults);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    // The parser has a few exceptions without a place.
    throw_syntax({file, 0, 0}, cat("this is no YAML (", error.what(), ")"), "correct the file");
  }
}

ConfigNode read_yaml(const std::string& path, Faults& faults) {
  std::string text;
  try {
    text = read_file(path, kMaxYamlBytes);
  } catch (const RunError& error) {
    throw UserError("config.no_file", error.faults().front().what, "check the name of the file");
  }
  return parse_yaml(text, path, faults);
}

namespace {

void mark_from_command_line(ConfigNode& node, const Place& place) {
  node.place = place;
  node.from_command_line = true;
  for (ConfigNode& item : node.items) mark_from_command_line(item, place);
  for (ConfigNode::Entry& entry : node.entries) {
    entry.place = place;
    mark_from_command_line(entry.value, place);
  }
}

}  // namespace

void set_value(ConfigNode& root, const std::string& key, const std::string& value) {
  const Place place{"--set " + key, 0, 0};
  const std::vector<std::string> names = split(key, '.');
  for (const std::string& name : names) {
    if (name.empty()) {
      throw UserError(
          Fault{"usage.set", {"--set", 0, 0}, key, "found an empty name in the key", "write --set section.key=value"});
    }
  }
  if (names.size() > static_cast<size_t>(kMaxYamlDepth)) {
    throw UserError(
        Fault{"usage.set", {"--set", 0, 0}, "", "found a key of too many names", "write --set section.key=value"});
  }
  Faults faults;
  ConfigNode node = parse_yaml(value, place.file, faults);
  faults.throw_if_any();
  mark_from_command_line(node, place);
  set_node(root, key, std::move(node));
}

void set_node(ConfigNode& root, const std::string& key, ConfigNode value) {
  ConfigNode* target = &root;
  for (const std::string& name : split(key, '.')) {
    if (target->is_list()) {
      throw UserError(Fault{"usage.set",
                            {"--set", 0, 0},
                            key,
                            "found a list on the way there",
                            "set the whole list: --set key=[first, second]"});
    }
    if (!target->is_map()) {
      *target = ConfigNode{};
      target->kind = ConfigNode::Kind::kMap;
      target->place = value.place;
      target->from_command_line = value.from_command_line;
    }
    ConfigNode* child = target->find(name);
    if (child == nullptr) {
      target->entries.push_back({name, value.place, {}});
      child = &target->entries.back().value;
      child->place = value.place;
    }
    target = child;
  }
  *target = std::move(value);
}

}  // namespace broadsheet
