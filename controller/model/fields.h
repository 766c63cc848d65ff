// SPDX-License-Identifier: Apache-2.0
// Reads the fields of one map of a document and reports what is wrong in it.
#ifndef RAMPART_CONTROLLER_MODEL_FIELDS_H_
#define RAMPART_CONTROLLER_MODEL_FIELDS_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/model/mistakes.h"
#include "controller/model/resources.h"
#include "controller/model/tree.h"

namespace rampart {

// The schema of a map is the list of calls made here: a key that nobody asked
// for is unknown. A parser is a function from the text of one value to
// absl::StatusOr (model/words.h). Call Done() last. tree and mistakes must
// outlive it.
class Fields {
 public:
  // what: the map's name in messages: "vnet".
  Fields(const Tree& tree, std::string_view what, Mistakes& mistakes);

  int line() const { return tree_.line; }
  // False once something in this map was found wrong.
  bool ok() const {
    return tree_.kind == Tree::Kind::kMap &&
           mistakes_.count() == mistakes_before_;
  }

  // True if the map has this key, which counts as asking for it.
  bool Has(std::string_view key);
  // True if it is there with a list that holds nothing.
  bool HasEmptyList(std::string_view key);
  // The key must be there.
  void Require(std::string_view key);

  // These keys may be there; nobody can say what their values mean.
  void Ignore(std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) Find(key);
  }

  // Sets `out` if the key is there and its value is right.
  template <typename Parser, typename T>
  void Read(std::string_view key, Parser parse, T& out) {
    if (const Tree* value = Find(key)) ReadValue(*value, key, parse, out);
  }
  template <typename Parser, typename T>
  void Required(std::string_view key, Parser parse, T& out) {
    Require(key);
    Read(key, parse, out);
  }

  // A list of single values: appends those that are right.
  template <typename Parser, typename T>
  void ReadList(std::string_view key, Parser parse, std::vector<T>& out) {
    for (const Tree& item : List(key)) {
      T value;
      if (ReadValue(item, key, parse, value)) out.push_back(std::move(value));
    }
  }

  // A map of any keys to texts. Keys that ParseName() refuses are mistakes.
  void ReadLabels(std::string_view key, Labels& out);

  // A map in a map, named by its key in messages.
  void ReadMap(std::string_view key, absl::FunctionRef<void(Fields&)> read);
  // A list of maps; what: one of them.
  void ReadMaps(std::string_view key, std::string_view what,
                absl::FunctionRef<void(Fields&)> read);

  // Reports a mistake in the value of `key`, or in the map if it has no such
  // key; nothing if that value was reported as broken before. what: "what is
  // wrong; what would be right".
  void Mistake(std::string_view key, std::string_view what);

  // Reports every key that was not asked for.
  void Done();

 private:
  const Tree* Find(std::string_view key);
  // The items of the list under `key`; none if it is not there or no list.
  const std::vector<Tree>& List(std::string_view key);
  // The text of a single value; null, and reported, if it is something else.
  const std::string* Scalar(const Tree& value, std::string_view key);
  void ReportDuplicates();

  template <typename Parser, typename T>
  bool ReadValue(const Tree& value, std::string_view key, Parser parse,
                 T& out) {
    const std::string* text = Scalar(value, key);
    if (text == nullptr) return false;
    auto parsed = parse(*text);
    if (parsed.ok()) {
      out = *std::move(parsed);
      return true;
    }
    AddMistake(value.line, key, parsed.status().message());
    return false;
  }
  void AddMistake(int line, std::string_view key, absl::string_view what);

  const Tree& tree_;
  const std::string what_;
  Mistakes& mistakes_;
  const size_t mistakes_before_;
  std::vector<std::string> known_;
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_FIELDS_H_
