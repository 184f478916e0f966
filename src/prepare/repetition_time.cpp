#include "prepare/repetition_time.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"
#include "io/file_descriptor.hpp"

namespace brainmt::prepare {
namespace {

bool is_plausible(double seconds) { return seconds >= kMinTime && seconds <= kMaxTime; }

// `source`: where the number stands, for the note.
RepetitionTime judged(double value, const char* source) {
  RepetitionTime time;
  if (is_plausible(value)) {
    time.seconds = value;
  } else if (is_plausible(value / 1000)) {
    time.seconds = value / 1000;
    time.was_milliseconds = true;
    time.note = fmt::format("the repetition time of {:g} s in its {} is read as milliseconds: {:g} s", value, source,
                            time.seconds);
  } else {
    time.note = fmt::format("its repetition time is not known: its {} says {:g} s, expected {} to {}", source, value,
                            kMinTime, kMaxTime);
  }
  return time;
}

}  // namespace

std::optional<double> sidecar_time(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{16} << 20;
  const io::FileDescriptor fd = io::open_for_reading(path);
  const std::uint64_t size = io::file_size(fd, path);
  if (size > kMaxBytes) throw DataError(fmt::format("'{}' has {} bytes, too many", path.string(), size));
  std::string text(static_cast<std::size_t>(size), '\0');
  io::read_exactly(fd, path, 0, std::as_writable_bytes(std::span(text)));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) throw DataError(fmt::format("'{}' is not a JSON object", path.string()));
  const auto found = json.find("RepetitionTime");
  if (found == json.end()) return std::nullopt;
  if (!found->is_number()) throw DataError(fmt::format("'{}': RepetitionTime is no number", path.string()));
  return found->get<double>();
}

RepetitionTime repetition_time_of(double header, const std::filesystem::path& sidecar) {
  constexpr double kSameTime = 1e-2;  // a header rounds
  std::string unusable;
  if (!sidecar.empty()) {
    try {
      if (const std::optional<double> value = sidecar_time(sidecar)) {
        RepetitionTime time = judged(*value, "sidecar");
        const bool differs = is_plausible(header) && std::abs(header / time.seconds - 1) > kSameTime;
        if (differs && time.note.empty()) {
          time.note = fmt::format("its sidecar says a repetition time of {:g} s, which is taken, its header {:g} s",
                                  time.seconds, header);
        }
        if (!std::isnan(time.seconds)) return time;
        unusable = std::move(time.note);
      }
    } catch (const DataError& error) {
      unusable = fmt::format("its sidecar is not used: {}", error.what());
    }
  }
  RepetitionTime time = judged(header, "header");
  if (!unusable.empty()) time.note = time.note.empty() ? unusable : unusable + "; " + time.note;
  return time;
}

}  // namespace brainmt::prepare
