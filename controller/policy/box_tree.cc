// SPDX-License-Identifier: Apache-2.0
#include "controller/policy/box_tree.h"

#include <algorithm>

namespace rampart {
namespace {

constexpr size_t kLeafMax = 8;
// Boxes that a cut is chosen by, and cuts that are tried in one dimension.
constexpr size_t kSampleMax = 256;
constexpr size_t kTriesMax = 16;
// A cut must spare a point this part of the boxes, which bounds the depth.
constexpr size_t kGain = 32;

}  // namespace

BoxTree::BoxTree(const std::vector<Box>& boxes) {
  std::vector<const Box*> all;
  all.reserve(boxes.size());
  for (const Box& box : boxes) all.push_back(&box);
  root_ = Build(std::move(all));
}

uint32_t BoxTree::Build(std::vector<const Box*> boxes) {
  if (boxes.empty()) return kNone;
  const std::optional<Cut> cut =
      boxes.size() > kLeafMax ? ChooseCut(boxes) : std::nullopt;
  if (!cut) return AddLeaf(boxes);
  std::vector<const Box*> left, right, rest;
  for (const Box* box : boxes) {
    const Interval& side = box->sides[cut->dimension];
    (side.last < cut->at     ? left
     : side.first >= cut->at ? right
                             : rest)
        .push_back(box);
  }
  boxes = {};
  const auto index = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  Node node = {.at = cut->at,
               .left = Build(std::move(left)),
               .right = Build(std::move(right)),
               .rest = Build(std::move(rest)),
               .dimension = cut->dimension};
  node.first_rule = std::min(
      {FirstRule(node.left), FirstRule(node.right), FirstRule(node.rest)});
  nodes_[index] = node;
  return index;
}

uint32_t BoxTree::AddLeaf(const std::vector<const Box*>& boxes) {
  const size_t begin = rules_.size();
  for (const Box* box : boxes) rules_.push_back(box->rule);
  const auto first = rules_.begin() + static_cast<ptrdiff_t>(begin);
  std::sort(first, rules_.end());
  rules_.erase(std::unique(first, rules_.end()), rules_.end());
  nodes_.push_back({.first_rule = rules_[begin],
                    .left = static_cast<uint32_t>(begin),
                    .right = static_cast<uint32_t>(rules_.size()),
                    .leaf = true});
  return static_cast<uint32_t>(nodes_.size() - 1);
}

std::pair<size_t, Coordinate> BoxTree::BestCut(
    const std::vector<const Box*>& sample, uint8_t dimension) {
  std::vector<Coordinate> firsts, lasts, cuts;
  for (const Box* box : sample) {
    const Interval& side = box->sides[dimension];
    firsts.push_back(side.first);
    lasts.push_back(side.last);
    if (side.first != 0) cuts.push_back(side.first);
    if (side.last != ~Coordinate{0}) cuts.push_back(side.last + 1);
  }
  std::pair<size_t, Coordinate> best = {sample.size(), 0};
  if (cuts.empty()) return best;
  std::sort(firsts.begin(), firsts.end());
  std::sort(lasts.begin(), lasts.end());
  std::sort(cuts.begin(), cuts.end());
  const size_t tries = std::min(cuts.size(), kTriesMax);
  for (size_t i = 0; i < tries; ++i) {
    const Coordinate at = cuts[(2 * i + 1) * cuts.size() / (2 * tries)];
    const auto below = static_cast<size_t>(
        std::lower_bound(lasts.begin(), lasts.end(), at) - lasts.begin());
    const auto above = static_cast<size_t>(
        firsts.end() - std::lower_bound(firsts.begin(), firsts.end(), at));
    best = std::min(best, {sample.size() - std::min(below, above), at});
  }
  return best;
}

std::optional<BoxTree::Cut> BoxTree::ChooseCut(
    const std::vector<const Box*>& boxes) {
  std::vector<const Box*> sample;
  const size_t count = std::min(boxes.size(), kSampleMax);
  sample.reserve(count);
  for (size_t i = 0; i < count; ++i)
    sample.push_back(boxes[i * boxes.size() / count]);
  size_t least = count - std::max<size_t>(count / kGain, 1);
  std::optional<Cut> chosen;
  for (uint8_t dimension = 0; dimension < kDimensions; ++dimension) {
    const auto [left_over, at] = BestCut(sample, dimension);
    if (left_over > least || (chosen && left_over == least)) continue;
    least = left_over;
    chosen = {dimension, at};
  }
  return chosen;
}

uint32_t BoxTree::FindFirst(const Point& point,
                            absl::FunctionRef<bool(uint32_t)> matches) const {
  uint32_t best = kNone;
  Search(root_, point, matches, best);
  return best;
}

void BoxTree::Search(uint32_t index, const Point& point,
                     absl::FunctionRef<bool(uint32_t)> matches,
                     uint32_t& best) const {
  while (index != kNone && nodes_[index].first_rule < best) {
    const Node& node = nodes_[index];
    if (node.leaf) {
      for (uint32_t i = node.left; i < node.right && rules_[i] < best; ++i)
        if (matches(rules_[i])) best = rules_[i];
      return;
    }
    uint32_t side = point[node.dimension] < node.at ? node.left : node.right;
    uint32_t rest = node.rest;
    if (FirstRule(rest) < FirstRule(side)) std::swap(side, rest);
    Search(side, point, matches, best);
    index = rest;
  }
}

}  // namespace rampart
