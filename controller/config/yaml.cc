// SPDX-License-Identifier: Apache-2.0
#include "controller/config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <optional>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/base/text.h"

namespace rampart {
namespace {

int LineOf(const YAML::Mark& mark) { return mark.line + 1; }

// Makes the tree from the parser's events. Events, unlike yaml-cpp's own
// nodes, show keys that repeat, and cost nothing for what an alias repeats.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Mistakes& mistakes) : mistakes_(mistakes) {}

  Tree Take() { return std::move(root_); }
  const std::optional<YAML::Mark>& last_quoted() const { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(Start(Tree::Kind::kNull, mark, "", anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    RefuseAnchor(mark);
    Add(Start(Tree::Kind::kBroken, mark, "", 0));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    Tree scalar = Start(Tree::Kind::kScalar, mark, tag, anchor);
    scalar.text = value;
    if (tag == "!") last_quoted_ = mark;
    Add(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Push(Start(Tree::Kind::kList, mark, tag, anchor), mark);
  }
  void OnSequenceEnd() override { Pop(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Push(Start(Tree::Kind::kMap, mark, tag, anchor), mark);
  }
  void OnMapEnd() override { Pop(); }

 private:
  // A list or map that is not complete yet.
  struct Open {
    Tree tree;
    bool has_key = false;  // map: the next value is not a key
    std::string key;
    int key_line = 0;
  };

  Tree Start(Tree::Kind kind, const YAML::Mark& mark, const std::string& tag,
             YAML::anchor_t anchor) {
    if (anchor != 0) RefuseAnchor(mark);
    // yaml-cpp's own tags of untagged values: plain "?", quoted "!".
    if (!tag.empty() && tag != "?" && tag != "!")
      mistakes_.Add(LineOf(mark), absl::StrCat("tag ", Quoted(tag),
                                               " is not accepted; leave it "
                                               "out"));
    Tree tree;
    tree.kind = kind;
    tree.line = LineOf(mark);
    return tree;
  }

  void RefuseAnchor(const YAML::Mark& mark) {
    mistakes_.Add(LineOf(mark),
                  "anchors (&) and aliases (*) are not accepted; write the "
                  "value out where it is needed");
  }

  void Push(Tree tree, const YAML::Mark& mark) {
    if (open_.size() == kTreeDepthMax)
      throw YAML::ParserException(mark, "nested too deep");
    open_.push_back({.tree = std::move(tree), .key = {}});
  }

  void Pop() {
    Tree tree = std::move(open_.back().tree);
    open_.pop_back();
    Add(std::move(tree));
  }

  void Add(Tree tree) {
    if (open_.empty()) {
      root_ = std::move(tree);
      return;
    }
    Open& parent = open_.back();
    if (parent.tree.kind == Tree::Kind::kMap) {
      if (!parent.has_key) return AddKey(parent, std::move(tree));
      parent.has_key = false;
      tree.key = std::move(parent.key);
      tree.key_line = parent.key_line;
      // yaml-cpp notices what is missing at the token that follows.
      if (tree.kind == Tree::Kind::kNull) tree.line = tree.key_line;
    }
    parent.tree.children.push_back(std::move(tree));
  }

  void AddKey(Open& parent, Tree tree) {
    if (tree.kind != Tree::Kind::kScalar && tree.kind != Tree::Kind::kBroken)
      mistakes_.Add(tree.line, "a key is not a single value; write key: value");
    parent.has_key = true;
    parent.key = std::move(tree.text);
    parent.key_line = tree.line;
  }

  Mistakes& mistakes_;
  std::vector<Open> open_;
  Tree root_;
  std::optional<YAML::Mark> last_quoted_;
};

// True if the quoted scalar that starts at `text` has no closing quote.
// yaml-cpp 0.7 takes the rest of the file for its value if that ends in a
// newline.
bool IsUnclosed(std::string_view text) {
  const char quote = text.empty() ? '\0' : text[0];
  if (quote != '"' && quote != '\'') return false;
  for (size_t i = 1; i < text.size(); ++i) {
    const bool escape = quote == '"' && text[i] == '\\';
    const bool doubled = quote == '\'' && text.substr(i, 2) == "''";
    if (escape || doubled)
      ++i;
    else if (text[i] == quote)
      return false;
  }
  return true;
}

// yaml-cpp reads streams only.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // never written to
    setg(begin, begin, begin + text.size());
  }
};

bool IsForbidden(unsigned char c) {
  return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

// False, and reported, for what no person wrote as text.
bool CheckText(std::string_view text, Mistakes& mistakes) {
  if (text.size() > kYamlSizeMax) {
    mistakes.Add(0, absl::StrCat("has ", text.size(), " bytes; write at most ",
                                 kYamlSizeMax));
    return false;
  }
  const auto bad = std::find_if(text.begin(), text.end(), IsForbidden);
  if (bad != text.end() || !IsUtf8(text)) {
    const auto newlines = std::count(text.begin(), bad, '\n');
    mistakes.Add(bad == text.end() ? 1 : static_cast<int>(newlines) + 1,
                 "is not UTF-8 text, or has control characters; write plain "
                 "YAML");
    return false;
  }
  return true;
}

Tree Broken() {
  Tree tree;
  tree.kind = Tree::Kind::kBroken;
  return tree;
}

}  // namespace

Tree ParseYaml(std::string_view text, Mistakes& mistakes) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark))
    text.remove_prefix(kByteOrderMark.size());
  if (!CheckText(text, mistakes)) return Broken();
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  TreeBuilder builder(mistakes);
  try {
    YAML::Parser parser(stream);
    const bool found = parser.HandleNextDocument(builder);
    if (const auto& mark = builder.last_quoted();
        mark &&
        IsUnclosed(text.substr(std::min<size_t>(mark->pos, text.size()))))
      throw YAML::ParserException(*mark, "closing quote is missing");
    Tree tree = builder.Take();
    if (!found || tree.kind == Tree::Kind::kNull) {
      mistakes.Add(1, "is empty; write at least one key: value");
      return Broken();
    }
    if (parser) {
      mistakes.Add(tree.line,
                   "a second document follows (\"---\"); one file holds one");
      return Broken();
    }
    return tree;
  } catch (const YAML::Exception& error) {
    mistakes.Add(LineOf(error.mark),
                 absl::StrCat("not YAML: ", error.msg, " (column ",
                              error.mark.column + 1,
                              "); correct indentation, quotes or brackets"));
  }
  return Broken();
}

}  // namespace rampart
