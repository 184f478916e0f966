#pragma once
// What the fuzzers run: each target gives arbitrary bytes to one reader of files from outside and demands that it
// either reads them, with the properties that the target knows to hold, or refuses them with the documented error. The
// same functions stand behind libFuzzer (fuzz_entry.cpp) and behind the replay of the kept inputs (replay.cpp).
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace brainmt::fuzz {

using Bytes = std::span<const std::byte>;

/// Throws Broken when a property does not hold; any other exception is a finding as well.
void run_nifti(Bytes input);
void run_gzip(Bytes input);
void run_table(Bytes input);
void run_safetensors(Bytes input);
void run_config(Bytes input);
void run_cifti(Bytes input);

/// run_gzip: the first bytes say how the rest, the file, is read.
inline constexpr std::size_t kGzipScriptBytes = 4;

struct Target {
  std::string_view name;
  void (*run)(Bytes input);
  std::optional<std::size_t> packed_at{};  // where a gzip member may stand, whose content is to be mutated too
};

inline constexpr std::array kTargets{Target{"nifti", run_nifti, 0}, Target{"gzip", run_gzip, kGzipScriptBytes},
                                     Target{"table", run_table},    Target{"safetensors", run_safetensors},
                                     Target{"config", run_config},  Target{"cifti", run_cifti, 0}};

/// The target of that name, or null.
constexpr const Target* find_target(std::string_view name) {
  for (const Target& target : kTargets) {
    if (target.name == name) return &target;
  }
  return nullptr;
}

}  // namespace brainmt::fuzz
