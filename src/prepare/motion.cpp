#include "prepare/motion.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "base/error.hpp"
#include "io/byte_source.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::string_view kHcpFrames = "Movement_RelativeRMS.txt", kHcpMean = "Movement_RelativeRMS_mean.txt";
constexpr std::string_view kFslFrames = "_mcf_rel.rms";
constexpr const char* kFdColumn = "framewise_displacement";

double checked(double value, const std::string& where) {
  if (value >= 0) return value;
  throw DataError(fmt::format("{}: a displacement of {} mm, expected 0 or more", where, value));
}

// Mean of the values that are there; NaN where none is.
double mean_of(const std::vector<double>& values) {
  double sum = 0, count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return sum / count;
}

std::vector<double> read_confounds(const std::filesystem::path& path) {
  const std::string where = fmt::format("'{}'", path.string());
  const io::Table table = io::Table::read(path, [&](const std::vector<std::string>& names) {
    const auto found = std::ranges::find(names, kFdColumn);
    if (found == names.end()) throw DataError(fmt::format("{} has no column '{}'", where, kFdColumn));
    return std::vector{static_cast<std::size_t>(found - names.begin())};
  });
  std::vector<double> fd;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto value = table.number(row, 0);
    fd.push_back(value ? checked(*value, fmt::format("{} line {}", where, table.line(row)))
                       : std::numeric_limits<double>::quiet_NaN());
  }
  return fd;
}

// Numbers between blanks and line ends.
std::vector<double> read_numbers(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{16} << 20;
  const auto file = io::open_source(path);
  const std::uint64_t size = file->size();
  if (size > kMaxBytes) {
    throw DataError(
        fmt::format("'{}' has {} bytes, a list of displacements may have {}", path.string(), size, kMaxBytes));
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  file->read(0, std::as_writable_bytes(std::span(text)));
  std::vector<double> numbers;
  constexpr std::string_view kBlanks = " \t\r\n";
  for (std::string_view rest = text;;) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
    if (rest.empty()) break;
    const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
    const auto value = io::parse_number(word);
    const std::string where = fmt::format("'{}' value {}", path.string(), numbers.size() + 1);
    if (!value) throw DataError(fmt::format("{}: {} is not a finite number", where, io::printable(word)));
    numbers.push_back(checked(*value, where));
    rest.remove_prefix(word.size());
  }
  if (numbers.empty()) throw DataError(fmt::format("'{}' holds no number", path.string()));
  return numbers;
}

double read_mean(const std::filesystem::path& path) {
  const std::vector<double> numbers = read_numbers(path);
  if (numbers.size() == 1) return numbers.front();
  throw DataError(fmt::format("'{}' holds {} numbers, expected the mean alone", path.string(), numbers.size()));
}

}  // namespace

Motion read_motion(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  Motion motion;
  if (name.ends_with(".tsv")) {
    motion.fd = read_confounds(path);
  } else if (name.ends_with(kFslFrames)) {  // between a frame and the one before it: the first has none
    motion.fd = read_numbers(path);
    motion.fd.insert(motion.fd.begin(), std::numeric_limits<double>::quiet_NaN());
  } else if (name == kHcpFrames) {
    motion.fd = read_numbers(path);
    std::error_code unknown;
    const auto mean = path.parent_path() / kHcpMean;
    if (std::filesystem::exists(mean, unknown)) {
      motion.mean_fd = read_mean(mean);
      return motion;
    }
  } else if (name == kHcpMean) {
    motion.mean_fd = read_mean(path);
    return motion;
  } else {
    throw DataError(fmt::format("'{}' is no file of motion: expected a table of confounds (.tsv), {}, {} or *{}",
                                path.string(), kHcpFrames, kHcpMean, kFslFrames));
  }
  motion.mean_fd = mean_of(motion.fd);
  return motion;
}

}  // namespace brainmt::prepare
