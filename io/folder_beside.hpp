#pragma once
// A folder that is written beside its name and takes it when it is whole: nobody sees half of one.
#include <filesystem>
#include <functional>
#include <optional>

#include "base/unfinished.hpp"

namespace brainmt::io {

/// `<target>.tmp-<unique>`, removed with all in it unless commit() is reached, also by a signal that ends the command.
class FolderBeside {
 public:
  /// Makes the folder, and those above it. Throws OutputError that names `target`.
  explicit FolderBeside(std::filesystem::path target);
  ~FolderBeside();
  FolderBeside(const FolderBeside&) = delete;
  FolderBeside& operator=(const FolderBeside&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Takes the target's name. Entries of an older folder of this name that `keep` holds on to move into the new one,
  /// unless it has one of their name; the others are removed. No signal comes in between. Throws OutputError.
  void commit(const std::function<bool(const std::filesystem::path&)>& keep);

 private:
  std::filesystem::path target_, path_;
  std::optional<Unfinished> unfinished_;
};

}  // namespace brainmt::io
