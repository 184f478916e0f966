#pragma once
// What must not outlive a command that a signal ends: files under temporary names, scratch folders. Such a thing is
// registered while it is unfinished; the thread that ends the process removes what is registered then.
#include <chrono>
#include <filesystem>
#include <functional>

namespace brainmt {

class Unfinished {
 public:
  /// `make`, which may throw, brings the thing into being; no end comes between it and the registration. `remove` runs
  /// on the ending thread, while the others go on, and may fail silently.
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

/// Removes everything that is registered, and lets nothing be registered any more: who tries waits for the end of the
/// process. Waits for `patience` where another thread is just making something, on a file system that hangs perhaps.
void remove_unfinished(std::chrono::milliseconds patience);

}  // namespace brainmt
