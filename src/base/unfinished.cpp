#include "base/unfinished.hpp"

#include <map>
#include <mutex>
#include <utility>

namespace brainmt {
namespace {

// Process-wide, as the signal that ends the process is. Never destroyed: threads may outlive main().
struct Registry {
  std::timed_mutex mutex;
  std::map<std::size_t, std::function<void()>> removals;
  std::size_t last = 0;
};

Registry& registry() {
  static auto* const all = new Registry;  // see Registry
  return *all;
}

std::function<void()> removal_of(const std::filesystem::path& path) {
  return [path] {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  };
}

}  // namespace

Unfinished::Unfinished(std::function<void()> remove, const std::function<void()>& make) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (make) make();
  number_ = ++all.last;
  all.removals.emplace(number_, std::move(remove));
}

Unfinished::Unfinished(const std::filesystem::path& path, const std::function<void()>& make)
    : Unfinished(removal_of(path), make) {}

Unfinished::Unfinished(Unfinished&& other) noexcept : number_(std::exchange(other.number_, 0)) {}

Unfinished& Unfinished::operator=(Unfinished&& other) noexcept {
  forget();
  number_ = std::exchange(other.number_, 0);
  return *this;
}

Unfinished::~Unfinished() { forget(); }

void Unfinished::forget() {
  if (number_ == 0) return;
  const std::lock_guard lock(registry().mutex);
  registry().removals.erase(number_);
}

void remove_unfinished(std::chrono::milliseconds patience) {
  Registry& all = registry();
  const bool locked = all.mutex.try_lock_for(patience);  // and never let go
  if (!locked) return;
  for (const auto& [number, remove] : all.removals) remove();
}

}  // namespace brainmt
