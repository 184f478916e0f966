// Runs the kept inputs of a target, corpus and past crashes, without a fuzzer. Usage: replay TARGET FOLDER...
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/targets.hpp"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename() != ".gitignore") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

bool replay(const brainmt::fuzz::Target& target, const fs::path& path) {
  std::printf("%s\n", path.c_str());  // before it runs: the last line says which input a sanitizer stopped at
  std::fflush(stdout);
  std::ifstream in(path, std::ios::binary);
  const std::string input{std::istreambuf_iterator<char>(in), {}};
  try {
    target.run(std::as_bytes(std::span(input)));
  } catch (const std::exception& finding) {
    std::printf("    FAILED: %s\n", finding.what());
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const brainmt::fuzz::Target* target = argc > 2 ? brainmt::fuzz::find_target(argv[1]) : nullptr;
  if (target == nullptr) {
    std::fprintf(stderr, "usage: replay TARGET FOLDER...\n");
    return 2;
  }
  std::size_t run = 0, failed = 0;
  for (int i = 2; i < argc; ++i) {
    if (!fs::exists(argv[i])) continue;  // no crash yet
    for (const fs::path& path : files_in(argv[i])) {
      ++run;
      failed += replay(*target, path) ? 0 : 1;
    }
  }
  std::printf("%s: %zu inputs, %zu failed\n", argv[1], run, failed);
  return run > 0 && failed == 0 ? 0 : 1;
}
