#include "train/shared_algorithms.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <system_error>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "io/atomic_file.hpp"
#include "io/printable.hpp"

namespace brainmt::train {
namespace {

namespace fs = std::filesystem;
using Choices = dnn::Algorithms::Choices;

constexpr const char* kFormat = "brainmt-algorithms";
constexpr int kVersion = 1;
constexpr std::uintmax_t kMaxBytes = std::uintmax_t{1} << 20;  // a run has some hundreds of choices of 150 bytes

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Collective. Rank 0's choices, on every rank.
Choices from_root(comm::Communicator& comm, const Choices& mine) {
  const std::string text = comm.rank() == 0 ? nlohmann::json(mine).dump() : "";
  const auto parts = comm.all_gather_bytes(std::as_bytes(std::span(text)));
  return nlohmann::json::parse(text_of(parts.front())).get<Choices>();
}

// Collective. The first rank whose device or libraries are not rank 0's.
std::optional<std::size_t> first_other(comm::Communicator& comm, const std::string& valid_for) {
  const auto all = comm.all_gather_bytes(std::as_bytes(std::span(valid_for)));
  const auto other = std::ranges::find_if(all, [&](const auto& text) { return text != all.front(); });
  if (other == all.end()) return std::nullopt;
  return static_cast<std::size_t>(other - all.begin());
}

std::string read_small_file(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  if (error) throw DataError(fmt::format("{}: cannot be read: {}", path.string(), error.message()));
  if (bytes > kMaxBytes)
    throw DataError(fmt::format("{}: expected at most {} bytes, found {}", path.string(), kMaxBytes, bytes));
  std::string text(static_cast<std::size_t>(bytes), '\0');
  std::ifstream in(path, std::ios::binary);
  if (!in.read(text.data(), static_cast<std::streamsize>(text.size())))
    throw DataError(fmt::format("{}: cannot be read", path.string()));
  return text;
}

// What the file has for this device and these libraries; `otherwise` ends the warning about one that has nothing.
Choices kept_choices(const fs::path& file, const std::string& valid_for, std::string_view otherwise) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(file, error))) return {};
  try {
    KeptAlgorithms kept = algorithms_from_json(read_small_file(file), file.string());
    if (kept.valid_for == valid_for) return std::move(kept.choices);
    log::warn("{}: expected choices for '{}', found those for {}: {}", file.string(), valid_for,
              io::printable(kept.valid_for), otherwise);
  } catch (const DataError& damaged) {
    log::warn("{}: {}", damaged.what(), otherwise);
  }
  return {};
}

}  // namespace

std::string to_json(const KeptAlgorithms& kept) {
  return nlohmann::ordered_json{{"format", kFormat},
                                {"version", kVersion},
                                {"valid_for", kept.valid_for},
                                {"choices", nlohmann::json(kept.choices)}}
             .dump(1) +
         "\n";
}

KeptAlgorithms algorithms_from_json(const std::string& text, const std::string& file) {
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("format") != kFormat || json.at("version") != kVersion)
      throw DataError(fmt::format("{}: expected format {} version {}, found {} version {}", file, kFormat, kVersion,
                                  json.at("format").dump(), json.at("version").dump()));
    KeptAlgorithms kept{json.at("valid_for").get<std::string>(), {}};
    for (const auto& [operation, number] : json.at("choices").items()) {
      if (!number.is_number_unsigned() || number.get<std::uint64_t>() > 1'000'000)
        throw DataError(fmt::format("{}: {}: expected the number of a suggestion, found {}", file,
                                    io::printable(operation), io::printable(number.dump())));
      kept.choices[operation] = number.get<int>();
    }
    return kept;
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{}: not a file of algorithms: {}", file, error.what()));
  }
}

void share_algorithms(comm::Communicator& comm, const fs::path& run_dir, dnn::Algorithms& algorithms,
                      const std::function<void()>& warm_up) {
  const std::string valid_for = algorithms.valid_for();
  if (const auto rank = first_other(comm, valid_for)) {
    if (comm.rank() == 0)
      log::warn(
          "device.tune: rank {} has another GPU or other libraries than rank 0 ({}): each rank times for itself, and "
          "another run may round differently",
          *rank, valid_for);
    return;
  }
  const fs::path file = run_dir / kAlgorithmsFile;
  Choices kept;
  if (comm.rank() == 0) kept = kept_choices(file, valid_for, "choosing again");
  kept = from_root(comm, kept);
  algorithms.adopt(kept);
  comm::run_agreed(comm, warm_up);
  const Choices all = from_root(comm, algorithms.chosen());
  algorithms.adopt(all);
  algorithms.settle();
  comm::run_agreed(comm, [&] {
    if (comm.rank() != 0 || all == kept) return;
    io::write_atomically(file, to_json({valid_for, all}));
    log::info("{}: {} algorithms, {} of them chosen now", file.string(), all.size(), all.size() - kept.size());
  });
}

void follow_algorithms(comm::Communicator& comm, const fs::path& run_dir, dnn::Algorithms* algorithms) {
  if (algorithms == nullptr || run_dir.empty()) return;
  const std::string valid_for = algorithms->valid_for();
  Choices kept;
  if (comm.rank() == 0)
    kept = kept_choices(run_dir / kAlgorithmsFile, valid_for, "results may differ from the run's in the last bits");
  kept = from_root(comm, kept);
  if (kept.empty() || first_other(comm, valid_for)) return;
  algorithms->adopt(kept);
  algorithms->settle();
}

}  // namespace brainmt::train
