// SPDX-License-Identifier: Apache-2.0
#include "controller/model/fields.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "controller/base/text.h"
#include "controller/model/words.h"

namespace rampart {
namespace {

std::string_view KindName(Tree::Kind kind) {
  switch (kind) {
    case Tree::Kind::kScalar:
      return "a single value";
    case Tree::Kind::kList:
      return "a list";
    case Tree::Kind::kMap:
      return "a map";
    case Tree::Kind::kNull:
    case Tree::Kind::kBroken:
      break;
  }
  return "empty";
}

// For a value of another kind than the one wanted.
std::string WrongKind(const Tree& tree, std::string_view right) {
  return absl::StrCat("is ", Abseil(KindName(tree.kind)), "; write ",
                      Abseil(right));
}

constexpr std::string_view kListForm = "a list, [..., ...]";
constexpr std::string_view kMapForm = "a map, {key: value, ...}";

}  // namespace

Fields::Fields(const Tree& tree, std::string_view what, Mistakes& mistakes)
    : tree_(tree),
      what_(what),
      mistakes_(mistakes),
      mistakes_before_(mistakes.count()) {
  if (tree.kind == Tree::Kind::kMap)
    ReportDuplicates();
  else if (tree.kind != Tree::Kind::kBroken)
    mistakes_.Add(tree.line,
                  absl::StrCat(what_, " ", WrongKind(tree, kMapForm)));
}

void Fields::ReportDuplicates() {
  absl::flat_hash_map<absl::string_view, int> first;
  for (const Tree& child : tree_.children) {
    const auto [it, inserted] = first.emplace(child.key, child.key_line);
    if (!inserted)
      mistakes_.Add(
          child.key_line,
          absl::StrCat("duplicate key ", Quoted(child.key), " in ", what_,
                       " (first on line ", it->second, "); keep one"));
  }
}

const Tree* Fields::Find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end())
    known_.emplace_back(key);
  if (tree_.kind != Tree::Kind::kMap) return nullptr;
  for (const Tree& child : tree_.children)
    if (child.key == key) return &child;
  return nullptr;
}

bool Fields::Has(std::string_view key) { return Find(key) != nullptr; }

bool Fields::HasEmptyList(std::string_view key) {
  const Tree* value = Find(key);
  return value != nullptr && value->kind == Tree::Kind::kList &&
         value->children.empty();
}

void Fields::Require(std::string_view key) {
  if (!Has(key) && tree_.kind == Tree::Kind::kMap)
    mistakes_.Add(tree_.line,
                  absl::StrCat("key ", Quoted(key), " is missing in ", what_,
                               "; add it"));
}

const std::vector<Tree>& Fields::List(std::string_view key) {
  static const std::vector<Tree> kNone;
  const Tree* value = Find(key);
  if (value == nullptr || value->kind == Tree::Kind::kBroken) return kNone;
  if (value->kind == Tree::Kind::kList) return value->children;
  mistakes_.Add(value->line,
                absl::StrCat(Abseil(key), " ", WrongKind(*value, kListForm)));
  return kNone;
}

const std::string* Fields::Scalar(const Tree& value, std::string_view key) {
  if (value.kind == Tree::Kind::kScalar) return &value.text;
  if (value.kind != Tree::Kind::kBroken)
    mistakes_.Add(value.line, absl::StrCat(Abseil(key), " ",
                                           WrongKind(value, "a single value")));
  return nullptr;
}

void Fields::ReadMap(std::string_view key,
                     absl::FunctionRef<void(Fields&)> read) {
  const Tree* value = Find(key);
  if (value == nullptr) return;
  Fields fields(*value, key, mistakes_);
  read(fields);
  fields.Done();
}

void Fields::ReadLabels(std::string_view key, Labels& out) {
  ReadMap(key, [&](Fields& labels) {
    if (labels.tree_.kind != Tree::Kind::kMap) return;
    for (const Tree& child : labels.tree_.children) {
      const absl::StatusOr<std::string> name = ParseName(child.key);
      if (!name.ok())
        labels.mistakes_.Add(
            child.key_line,
            absl::StrCat(Abseil(key), ": ", name.status().message()));
      std::string value;
      labels.Read(child.key, ParseText, value);
      if (name.ok()) out.emplace_back(child.key, std::move(value));
    }
  });
}

void Fields::ReadMaps(std::string_view key, std::string_view what,
                      absl::FunctionRef<void(Fields&)> read) {
  for (const Tree& item : List(key)) {
    Fields fields(item, what, mistakes_);
    read(fields);
    fields.Done();
  }
}

void Fields::AddMistake(int line, std::string_view key,
                        absl::string_view what) {
  mistakes_.Add(line, absl::StrCat(Abseil(key), ": ", what));
}

void Fields::Mistake(std::string_view key, std::string_view what) {
  const Tree* value = Find(key);
  if (value != nullptr && value->kind == Tree::Kind::kBroken) return;
  AddMistake(value == nullptr ? tree_.line : value->line, key, Abseil(what));
}

void Fields::Done() {
  if (tree_.kind != Tree::Kind::kMap) return;
  for (const Tree& child : tree_.children) {
    if (std::find(known_.begin(), known_.end(), child.key) != known_.end())
      continue;
    mistakes_.Add(child.key_line,
                  absl::StrCat("unknown key ", Quoted(child.key), " in ", what_,
                               "; ", Suggestion(child.key, known_)));
  }
}

}  // namespace rampart
