#include "comm/summation_tree.hpp"

namespace brainmt::comm {

int TreeStack::push(TreeNode node) {
  int joined = 0;
  while (node.index % 2 == 1 && !nodes_.empty() && nodes_.back().level == node.level &&
         nodes_.back().index == node.index - 1) {
    nodes_.pop_back();
    node = {node.level + 1, node.index / 2};
    ++joined;
  }
  nodes_.push_back(node);
  return joined;
}

std::vector<TreeNode> tree_nodes(std::int64_t first, std::int64_t count) {
  TreeStack stack;
  for (std::int64_t term = first; term < first + count; ++term) stack.push({0, term});
  return stack.nodes();
}

}  // namespace brainmt::comm
