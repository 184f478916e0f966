#include "run/checkpoint_files.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/fault.hpp"
#include "base/log.hpp"
#include "io/atomic_file.hpp"
#include "run/checkpoint_manifest.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStepPrefix = "step-";
constexpr std::string_view kTemporaryMark = ".tmp-";
constexpr std::array<const char*, 3> kFiles{kModelFile, kOptimizerFile, kStateFile};

std::optional<std::int64_t> parse_step(std::string_view name) {
  if (!name.starts_with(kStepPrefix)) return std::nullopt;
  name.remove_prefix(kStepPrefix.size());
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc{} || end != name.data() + name.size() || step < 0) return std::nullopt;
  return step;
}

fs::path temporary_name(const fs::path& checkpoints, std::int64_t step, std::string_view purpose) {
  return checkpoints / fmt::format("{}{}{}-{}", step_name(step), kTemporaryMark, purpose, ::getpid());
}

std::string read_small_file(const fs::path& path) {
  constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
  if (!fs::is_regular_file(fs::symlink_status(path))) return {};
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

// Renaming first makes a deletion that is cut short look like any other leftover.
void remove_step(const fs::path& checkpoints, std::int64_t step) {
  const fs::path doomed = temporary_name(checkpoints, step, "old");
  fs::rename(checkpoints / step_name(step), doomed);
  fs::remove_all(doomed);
}

}  // namespace

std::string step_name(std::int64_t step) { return fmt::format("{}{:06}", kStepPrefix, step); }

std::vector<std::int64_t> list_steps(const fs::path& checkpoints) {
  std::vector<std::int64_t> steps;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(checkpoints, none)) {
    const auto step = parse_step(entry.path().filename().string());
    if (step && fs::is_directory(entry.symlink_status()) && entry.path().filename() == step_name(*step))
      steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

void commit_checkpoint(const fs::path& checkpoints, std::int64_t step,
                       const std::function<void(const fs::path&)>& write) {
  const fs::path temporary = temporary_name(checkpoints, step, "new"), target = checkpoints / step_name(step);
  try {
    fs::remove_all(temporary);
    fs::create_directory(temporary);
    write(temporary);
    fault::at("checkpoint.files", 0, step);
    io::write_atomically(temporary / kManifestFile, make_manifest(temporary, step, kFiles));
    fault::at("checkpoint.manifest", 0, step);
    // Only a step that was refused, or is being made again after a fall-back, can be in the way.
    if (fs::exists(fs::symlink_status(target))) remove_step(checkpoints, step);
    io::rename_durably(temporary, target);
    fault::at("checkpoint.rename", 0, step);
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw OutputError(fmt::format("{}: the checkpoint could not be written: {}", target.string(), error.what()));
  } catch (const DataError& error) {  // what was just written cannot be read back
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw OutputError(error.what());
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}

void verify_checkpoint(const fs::path& checkpoints, std::int64_t step) {
  verify_manifest(checkpoints / step_name(step), step, kFiles);
}

std::optional<std::int64_t> newest_valid_step(const fs::path& checkpoints) {
  std::vector<std::int64_t> steps = list_steps(checkpoints);
  for (; !steps.empty(); steps.pop_back()) {
    try {
      verify_checkpoint(checkpoints, steps.back());
      break;
    } catch (const DataError& error) {
      log::warn("checkpoint refused: {}; falling back to the one before", error.what());
    }
  }
  if (steps.empty()) return std::nullopt;
  if (read_pointer(checkpoints, "latest") != steps.back())
    log::warn("{}: does not name the newest complete checkpoint; using {}", (checkpoints / "latest").string(),
              step_name(steps.back()));
  return steps.back();
}

std::optional<std::int64_t> read_pointer(const fs::path& checkpoints, const std::string& name) {
  std::string text = read_small_file(checkpoints / name);
  if (text.ends_with('\n')) text.pop_back();
  return parse_step(text);
}

void write_pointer(const fs::path& checkpoints, const std::string& name, std::int64_t step) {
  io::write_atomically(checkpoints / name, step_name(step) + "\n");
}

std::int64_t choose_step(const fs::path& checkpoints, const std::string& which) {
  if (const auto best = which == "best" ? read_pointer(checkpoints, which) : std::nullopt) {
    try {
      verify_checkpoint(checkpoints, *best);
      return *best;
    } catch (const DataError& error) {
      log::warn("the best checkpoint is refused: {}; using the newest", error.what());
    }
  }
  const auto newest = newest_valid_step(checkpoints);
  if (!newest)
    throw DataError(fmt::format("{}: no complete checkpoint: check run.dir, or train first", checkpoints.string()));
  return *newest;
}

void prune_checkpoints(const fs::path& checkpoints, int keep) {
  std::vector<std::int64_t> steps = list_steps(checkpoints);
  steps.resize(steps.size() - std::min(steps.size(), static_cast<std::size_t>(keep)));
  const auto best = read_pointer(checkpoints, "best");
  for (const std::int64_t step : steps) {
    if (step == best) continue;
    try {
      remove_step(checkpoints, step);
    } catch (const fs::filesystem_error& error) {
      log::warn("an old checkpoint could not be deleted: {}", error.what());
    }
    fault::at("checkpoint.prune", 0, step);
  }
}

void remove_leftovers(const fs::path& checkpoints) {
  std::error_code none;
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(checkpoints, none)) {
    const std::string name = entry.path().filename().string();
    if (name.find(kTemporaryMark) != std::string::npos) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) fs::remove_all(path, none);
}

}  // namespace brainmt::run
