#pragma once
// A random permutation in place (Fisher-Yates): every order equally likely, and the same one for the same generator on
// every machine.
#include <utility>
#include <vector>

#include "base/philox.hpp"

namespace brainmt::task {

template <class T>
void shuffle(std::vector<T>& values, Philox random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i)]);
}

}  // namespace brainmt::task
