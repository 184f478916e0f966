#include "prepare/staged_series.hpp"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/atomic_file.hpp"
#include "io/checksum.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::string_view kMagic = "brainmt series 1\n";

// JSON has no NaN: null.
nlohmann::json number(double value) { return std::isnan(value) ? nlohmann::json() : nlohmann::json(value); }
double number(const nlohmann::json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <class T>
void take(std::vector<T>& values, std::size_t count, std::string_view& bytes) {
  if (bytes.size() / sizeof(T) < count) throw DataError("is cut short");
  values.resize(count);
  if (count > 0) std::memcpy(values.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
}

StagedSeries parse(std::string_view content) {
  std::uint32_t checksum = 0;
  if (content.size() < kMagic.size() + sizeof checksum || !content.starts_with(kMagic))
    throw DataError("is no staged series of this version");
  const std::string_view hashed = content.substr(0, content.size() - sizeof checksum);
  std::memcpy(&checksum, content.data() + hashed.size(), sizeof checksum);
  if (io::crc32(std::as_bytes(std::span(hashed))) != checksum) throw DataError("differs from its checksum");
  std::string_view rest = hashed.substr(kMagic.size());
  const std::size_t end = rest.find('\n');
  const auto facts = nlohmann::json::parse(rest.substr(0, end), nullptr, false);
  if (end == rest.npos || !facts.is_object()) throw DataError("has no facts");
  rest.remove_prefix(end + 1);
  StagedSeries series{.identity = facts.at("identity"),
                      .reason = facts.at("reason"),
                      .usable = facts.at("usable"),
                      .cause = static_cast<Dropped>(facts.at("cause").get<std::size_t>()),
                      .frames = facts.at("frames"),
                      .censored = facts.at("censored"),
                      .repetition_time = number(facts.at("repetition_time")),
                      .mean_fd = number(facts.at("mean_fd")),
                      .oddities = facts.at("oddities"),
                      .missing = facts.at("missing"),
                      .values = {},
                      .coverage = {}};
  const std::size_t parcels = facts.at("parcels");
  take(series.values, parcels * static_cast<std::size_t>(series.frames), rest);
  take(series.coverage, parcels, rest);
  return series;
}

}  // namespace

void write_staged(const std::filesystem::path& path, const StagedSeries& s) {
  const nlohmann::json facts{{"identity", s.identity},
                             {"reason", s.reason},
                             {"usable", s.usable},
                             {"cause", static_cast<std::size_t>(s.cause)},
                             {"frames", s.usable ? s.frames : 0},
                             {"censored", s.censored},
                             {"repetition_time", number(s.repetition_time)},
                             {"mean_fd", number(s.mean_fd)},
                             {"oddities", s.oddities},
                             {"missing", s.missing},
                             {"parcels", s.coverage.size()}};
  std::string content(kMagic);
  content += facts.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  content += bytes_of(s.values);
  content += bytes_of(s.coverage);
  const std::uint32_t checksum = io::crc32(std::as_bytes(std::span(content)));
  content.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  io::write_atomically(path, content);
}

std::optional<StagedSeries> find_staged(const std::filesystem::path& path, const std::string& identity) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  try {
    const io::FileDescriptor file = io::open_for_reading(path);
    std::string content(static_cast<std::size_t>(io::file_size(file, path)), '\0');
    io::read_exactly(file, path, 0, std::as_writable_bytes(std::span(content)));
    StagedSeries series = parse(content);
    if (series.identity != identity) return std::nullopt;
    return series;
  } catch (const DataError& error) {
    log::warn("making a staged scan again: '{}' {}", path.string(), error.what());
  } catch (const nlohmann::json::exception& error) {
    log::warn("making a staged scan again: '{}' has other facts", path.string());
  }
  return std::nullopt;
}

}  // namespace brainmt::prepare
