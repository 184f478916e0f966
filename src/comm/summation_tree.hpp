#pragma once
// The fixed binary tree that adds up G terms, on whichever ranks they are.
//   node (l, k) covers the terms k 2^l .. (k + 1) 2^l - 1 that exist
// It is the sum of its two children; where its right child would cover nothing, it is its left child. The terms are
// level 0, and the sum is the one node above all of them.
//
// Terms that arrive from left to right need only a stack of nodes: a new node is joined with its left sibling as long
// as that stands on top. What is left on the stacks of two neighbours is pushed from left to right in the same way, and
// the end of all terms joins the whole stack from right to left. So the tree depends on G alone.
#include <cstdint>
#include <vector>

namespace brainmt::comm {

struct TreeNode {
  int level = 0;
  std::int64_t index = 0;
};

class TreeStack {
 public:
  /// Returns how many nodes of the stack, from its top, are added to `node`; their sum then stands on top.
  int push(TreeNode node);
  void clear() { nodes_.clear(); }
  std::size_t size() const { return nodes_.size(); }
  const std::vector<TreeNode>& nodes() const { return nodes_; }  // from left to right

 private:
  std::vector<TreeNode> nodes_;
};

/// What terms first .. first + count - 1 are on a stack of their own.
std::vector<TreeNode> tree_nodes(std::int64_t first, std::int64_t count);

}  // namespace brainmt::comm
