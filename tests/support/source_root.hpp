#pragma once
// The checkout, for tests that read its files. Its path is a definition of source_root.cpp alone: on every command line
// it would keep another clone from finding the objects in the compiler's cache.
#include <filesystem>

namespace brainmt::test {

std::filesystem::path source_root();

}  // namespace brainmt::test
