// SPDX-License-Identifier: Apache-2.0
// Finds the first of many boxes in space that a point lies in.
#ifndef RAMPART_CONTROLLER_POLICY_BOX_TREE_H_
#define RAMPART_CONTROLLER_POLICY_BOX_TREE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "controller/policy/address_set.h"

namespace rampart {

// Each inner node cuts space in two, where it tells the most boxes apart: those
// below, those above, and the rest, which the cut goes through. A point looks
// at one side and at the rest. As boxes of a rule that does not care about a
// dimension are all in the rest of its cuts, no box is in two places, and the
// tree has the size of what it holds; and as every node knows the first rule
// below it, what cannot come before a rule that was found is not looked at.
// (Compare Gupta, McKeown, Packet classification using hierarchical intelligent
// cuttings, Hot Interconnects 1999, whose cuts copy such boxes.)
class BoxTree {
 public:
  static constexpr size_t kDimensions = 8;
  using Point = std::array<Coordinate, kDimensions>;
  struct Box {
    std::array<Interval, kDimensions> sides;
    uint32_t rule = 0;
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  BoxTree() = default;
  // Cost: some microseconds per box.
  explicit BoxTree(const std::vector<Box>& boxes);

  // The lowest rule of the boxes around the point for which `matches` holds;
  // kNone if there is none. `matches` may be asked about rules with no box
  // around the point.
  uint32_t FindFirst(const Point& point,
                     absl::FunctionRef<bool(uint32_t rule)> matches) const;

 private:
  struct Node {
    Coordinate at = 0;  // below: left; else: right
    uint32_t first_rule = kNone;
    uint32_t left = kNone;   // nodes, kNone: empty; of a leaf: rules_[left] on,
    uint32_t right = kNone;  // to here
    uint32_t rest = kNone;
    uint8_t dimension = 0;
    bool leaf = false;
  };
  struct Cut {
    uint8_t dimension = 0;
    Coordinate at = 0;
  };

  uint32_t Build(std::vector<const Box*> boxes);
  uint32_t AddLeaf(const std::vector<const Box*>& boxes);
  static std::optional<Cut> ChooseCut(const std::vector<const Box*>& boxes);
  // What is left to look at after a good cut, in boxes of the sample.
  static std::pair<size_t, Coordinate> BestCut(
      const std::vector<const Box*>& sample, uint8_t dimension);
  void Search(uint32_t index, const Point& point,
              absl::FunctionRef<bool(uint32_t)> matches, uint32_t& best) const;
  uint32_t FirstRule(uint32_t index) const {
    return index == kNone ? kNone : nodes_[index].first_rule;
  }

  uint32_t root_ = kNone;
  std::vector<Node> nodes_;
  std::vector<uint32_t> rules_;  // of leaves, each in order
};

}  // namespace rampart

#endif  // RAMPART_CONTROLLER_POLICY_BOX_TREE_H_
