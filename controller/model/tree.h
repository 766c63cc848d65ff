// SPDX-License-Identifier: Apache-2.0
// A document as YAML and JSON both mean it, before anybody knows what its
// keys stand for.
#ifndef RAMPART_CONTROLLER_MODEL_TREE_H_
#define RAMPART_CONTROLLER_MODEL_TREE_H_

#include <string>
#include <vector>

namespace rampart {

struct Tree {
  enum class Kind {
    kNull,
    kScalar,
    kList,
    kMap,
    kBroken,  // a mistake that was reported already
  };
  Kind kind = Kind::kNull;
  int line = 0;      // where it starts, from 1; 0: not known
  std::string text;  // kScalar
  std::string key;   // if it is in a map; keys of one map may repeat
  int key_line = 0;
  std::vector<Tree> children;  // kList, kMap
};

// Maps and lists inside each other, at most; more is an error of whoever
// makes a tree, so that walking one needs no other bound.
inline constexpr size_t kTreeDepthMax = 16;

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_MODEL_TREE_H_
