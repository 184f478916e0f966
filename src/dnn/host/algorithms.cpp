#include "dnn/algorithms.hpp"

namespace brainmt::dnn {

Algorithms* algorithms() { return nullptr; }

}  // namespace brainmt::dnn
