#include "support/source_root.hpp"

namespace brainmt::test {

std::filesystem::path source_root() { return BRAINMT_SOURCE_ROOT; }

}  // namespace brainmt::test
