#pragma once
// Registry of unfinished files and scratch folders. The thread that ends the process after a signal removes all that
// are registered.
#include <chrono>
#include <filesystem>
#include <functional>

namespace brainmt {

class Unfinished {
 public:
  /// Calls `make` (may throw) and registers `remove`; termination cannot happen in between. `remove` runs on the
  /// terminating thread beside the others, and may fail silently.
  explicit Unfinished(std::function<void()> remove, const std::function<void()>& make = {});
  /// A file, or a folder with all in it.
  explicit Unfinished(const std::filesystem::path& path, const std::function<void()>& make = {});
  Unfinished(Unfinished&& other) noexcept;
  Unfinished& operator=(Unfinished&& other) noexcept;
  ~Unfinished();

 private:
  void forget();
  std::size_t number_ = 0;  // 0: moved from
};

/// Removes everything registered; later registrations block until the process ends. Waits at most `patience` for a
/// thread inside `make`, which may hang in its file system.
void remove_unfinished(std::chrono::milliseconds patience);

}  // namespace brainmt
