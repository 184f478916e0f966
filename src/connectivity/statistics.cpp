#include "connectivity/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "connectivity/estimators.hpp"

namespace brainmt::connectivity {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Pearson's r over the pairs that are both known; NaN for fewer than three, or no variance.
double correlation(const std::vector<double>& x, const std::vector<double>& y, std::size_t* count = nullptr) {
  std::vector<std::size_t> both;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isnan(x[i]) && !std::isnan(y[i])) both.push_back(i);
  }
  if (count != nullptr) *count = both.size();
  if (both.size() < 3) return kNan;
  double mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
  for (const std::size_t i : both) mean_x += x[i], mean_y += y[i];
  mean_x /= static_cast<double>(both.size()), mean_y /= static_cast<double>(both.size());
  for (const std::size_t i : both) {
    const double a = x[i] - mean_x, b = y[i] - mean_y;
    xx += a * a, yy += b * b, xy += a * b;
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : kNan;
}

double mean_of_row(std::span<const float> row) {
  double sum = 0;
  std::size_t count = 0;
  for (const float value : row) {
    if (!std::isnan(value)) sum += value, ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : kNan;
}

std::string number(double value, const char* format) {
  return std::isnan(value) ? "n/a" : fmt::format(fmt::runtime(format), value);
}

// Off the diagonal, which only tangent vectors have, behind the edges.
std::size_t pairs_of(const FcFile& file) { return file.parcels().size() * (file.parcels().size() - 1) / 2; }

// Calls take(index, row) for each row, some of which are read at a time.
template <class Read, class Take>
void for_rows(std::size_t count, std::size_t width, const Read& read, const Take& take) {
  const std::size_t at_once = std::clamp<std::size_t>((std::size_t{1} << 24) / std::max<std::size_t>(width, 1), 1, 256);
  std::vector<float> rows(at_once * width);
  for (std::size_t first = 0; first < count; first += at_once) {
    const std::size_t some = std::min(at_once, count - first);
    read(first, some, std::span(rows).first(some * width));
    for (std::size_t i = 0; i < some; ++i) take(first + i, std::span<const float>(rows).subspan(i * width, width));
  }
}

}  // namespace

std::vector<std::size_t> networks_of(const io::ParcelTable& parcels, std::vector<std::string>& networks) {
  std::vector<std::size_t> of;
  networks.clear();
  for (const std::string& name : parcels.network) {
    const auto found = std::ranges::find(networks, name);
    of.push_back(static_cast<std::size_t>(found - networks.begin()));
    if (found == networks.end()) networks.push_back(name);
  }
  return of;
}

FcStatistics statistics_of(const FcFile& file) {
  const std::size_t width = file.edges(), pairs = pairs_of(file), people = file.participants().size();
  FcStatistics s{.mean = std::vector<double>(width),
                 .sd = std::vector<double>(width),
                 .known = std::vector<std::size_t>(width),
                 .mean_fc = std::vector<double>(people)};
  const std::vector<std::size_t> network = networks_of(file.parcels(), s.networks);
  const std::size_t count = s.networks.size();
  const std::vector<Edge> edges = edges_of(file.parcels().size());
  std::vector<std::vector<double>> block_means(count * count, std::vector<double>(people, kNan));
  const auto read = [&](std::size_t first, std::size_t some, std::span<float> out) {
    file.read_rows(first, some, out);
  };
  for_rows(people, width, read, [&](std::size_t i, std::span<const float> row) {
    std::vector<double> sums(count * count), terms(count * count);
    for (std::size_t e = 0; e < width; ++e) {
      if (std::isnan(row[e])) continue;
      const double value = row[e], delta = value - s.mean[e];  // Welford
      s.mean[e] += delta / static_cast<double>(++s.known[e]);
      s.sd[e] += delta * (value - s.mean[e]);
      if (e >= pairs) continue;
      const auto [low, high] = std::minmax(network[edges[e].a], network[edges[e].b]);
      sums[low * count + high] += value, ++terms[low * count + high];
    }
    s.mean_fc[i] = mean_of_row(row.first(pairs));
    for (std::size_t b = 0; b < sums.size(); ++b) {
      if (terms[b] > 0) block_means[b][i] = sums[b] / terms[b];
    }
  });
  for (std::size_t e = 0; e < width; ++e) {
    if (s.known[e] == 0) s.mean[e] = kNan;
    s.sd[e] = s.known[e] > 1 ? std::sqrt(s.sd[e] / static_cast<double>(s.known[e] - 1)) : kNan;
  }
  std::vector<double> motion;
  for (const FcRow& row : file.participants()) motion.push_back(row.mean_fd);
  s.motion = correlation(s.mean_fc, motion, &s.motion_known);
  s.block_motion = linalg::Matrix(count, count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i; j < count; ++j)
      s.block_motion(i, j) = s.block_motion(j, i) = correlation(block_means[i * count + j], motion);
  }
  return s;
}

std::string quality_table(const FcFile& file, const FcStatistics& statistics) {
  std::string text = kQualityHeader;
  const auto line = [&](const FcRow& row, double mean_fc) {
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", row.id, row.run.empty() ? "n/a" : row.run,
                        row.frames == 0 ? "n/a" : std::to_string(row.frames), number(row.mean_fd, "{:.6g}"),
                        number(mean_fc, "{:.6g}"), row.edges_missing);
  };
  if (file.runs().empty()) {
    for (std::size_t i = 0; i < file.participants().size(); ++i) line(file.participants()[i], statistics.mean_fc[i]);
    return text;
  }
  const auto read = [&](std::size_t first, std::size_t some, std::span<float> out) {
    file.read_runs(first, some, out);
  };
  for_rows(file.runs().size(), file.edges(), read, [&](std::size_t i, std::span<const float> row) {
    line(file.runs()[i], mean_of_row(row.first(pairs_of(file))));
  });
  return text;
}

}  // namespace brainmt::connectivity
