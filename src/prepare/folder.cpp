#include "prepare/folder.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace brainmt::prepare {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& directory) {
  std::error_code error;
  std::vector<std::string> names;
  if (!fs::is_directory(directory, error)) return names;
  fs::directory_iterator walk(directory, error);
  for (; !error && walk != fs::directory_iterator(); walk.increment(error)) {
    std::string name = walk->path().filename().string();
    if (!name.starts_with('.') && name != "__MACOSX") names.push_back(std::move(name));
  }
  if (error) {
    throw DataError(fmt::format("cannot list the directory '{}': {}", directory.string(), error.message()));
  }
  std::ranges::sort(names);
  return names;
}

bool stands_at(const fs::path& path) {
  std::error_code unknown;
  const fs::file_status link = fs::symlink_status(path, unknown);
  return fs::exists(link) && !fs::is_directory(path, unknown);
}

std::string lower(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return small;
}

std::string anonymous(std::string path) {
  std::ranges::replace_if(
      path, [](char c) { return c >= '0' && c <= '9'; }, '#');
  return path;
}

}  // namespace brainmt::prepare
