#include "task/series.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace brainmt::task {
namespace {

using models::SeriesNormalization;
using Kind = SeriesNormalization::Kind;

constexpr std::size_t kFittedFrames = 200;  // of each scan, as published
constexpr std::size_t kFitBytes = std::size_t{256} << 20;

// Quantile of sorted values by linear interpolation; 0 where there is none.
double quantile(const std::vector<float>& sorted, double q) {
  if (sorted.empty()) return 0;
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const double above = sorted[std::min(low + 1, sorted.size() - 1)], below = sorted[low];
  return below + (at - static_cast<double>(low)) * (above - below);
}

struct Spread {
  double median, iqr;
};

// The quartiles pass over exact zeros, which stand for missing values.
Spread spread_of(std::vector<float>& values) {
  std::ranges::sort(values);
  const double median = quantile(values, 0.5);
  std::erase(values, 0.0f);
  return {median, quantile(values, 0.75) - quantile(values, 0.25)};
}

void scale_column(std::span<float> series, std::size_t parcels, std::size_t p, double centre, double scale) {
  for (std::size_t i = p; i < series.size(); i += parcels)
    series[i] = scale > 0 ? static_cast<float>((series[i] - centre) / scale) : 0.0f;
}

void take_means(std::span<float> series, std::size_t parcels) {
  const std::size_t frames = series.size() / parcels;
  for (std::size_t p = 0; p < parcels; ++p) {
    double sum = 0;
    for (std::size_t i = p; i < series.size(); i += parcels) sum += std::isfinite(series[i]) ? series[i] : 0.0f;
    const double mean = sum / static_cast<double>(frames);
    for (std::size_t i = p; i < series.size(); i += parcels)
      series[i] = std::isfinite(series[i]) ? static_cast<float>(series[i] - mean) : 0.0f;
  }
}

// A whole scan, [F, P].
std::vector<float> scan_of(const io::Cohort& cohort, std::size_t scan) {
  std::vector<float> series(cohort.scans()[scan].frames * cohort.parcels()->size());
  const bool verify = cohort.reading().checksums;
  cohort.read_series(scan, 0, series, verify ? io::Cohort::Verify::kYes : io::Cohort::Verify::kNo);
  return series;
}

SeriesNormalization fit_global(const io::Cohort& cohort, std::span<const std::size_t> scans) {
  double squares = 0, count = 0;
  for (const std::size_t scan : scans) {
    std::vector<float> series = scan_of(cohort, scan);
    take_means(series, cohort.parcels()->size());
    for (const float x : series) squares += static_cast<double>(x) * x;
    count += static_cast<double>(series.size());
  }
  return {.kind = Kind::kGlobalStd, .std = std::sqrt(squares / std::max(count, 1.0))};
}

SeriesNormalization fit_robust(const io::Cohort& cohort, std::span<const std::size_t> scans) {
  const std::size_t parcels = cohort.parcels()->size();
  SeriesNormalization n{.kind = Kind::kRobust};
  const std::size_t per_parcel = std::max<std::size_t>(1, scans.size() * kFittedFrames * sizeof(float));
  const std::size_t at_once = std::clamp<std::size_t>(kFitBytes / per_parcel, 1, parcels);
  for (std::size_t first = 0; first < parcels; first += at_once) {
    std::vector<std::vector<float>> values(std::min(at_once, parcels - first));
    for (const std::size_t scan : scans) {
      std::vector<float> series = scan_of(cohort, scan);
      take_means(series, parcels);
      const std::size_t frames = std::min(kFittedFrames, series.size() / parcels);
      for (std::size_t t = 0; t < frames; ++t)
        for (std::size_t p = 0; p < values.size(); ++p) values[p].push_back(series[t * parcels + first + p]);
    }
    for (std::vector<float>& of_parcel : values) {
      const Spread spread = spread_of(of_parcel);
      n.median.push_back(spread.median);
      n.iqr.push_back(spread.iqr);
    }
  }
  return n;
}

}  // namespace

void normalise(std::span<float> series, std::size_t parcels, const SeriesNormalization* normalization) {
  if (normalization == nullptr) {
    for (float& x : series) x = std::isfinite(x) ? x : 0.0f;
    return;
  }
  take_means(series, parcels);
  for (std::size_t p = 0; p < parcels; ++p) {
    if (normalization->kind == Kind::kGlobalStd) {
      scale_column(series, parcels, p, 0, normalization->std);
    } else if (normalization->kind == Kind::kRobust) {
      scale_column(series, parcels, p, normalization->median.at(p), normalization->iqr.at(p));
    } else {
      std::vector<float> column;
      for (std::size_t i = p; i < series.size(); i += parcels) column.push_back(series[i]);
      const Spread spread = spread_of(column);
      scale_column(series, parcels, p, spread.median, spread.iqr);
    }
  }
}

models::SharedNormalization fit_normalization(const io::Cohort& cohort, std::span<const std::size_t> scans, Kind kind) {
  BRAINMT_CHECK(cohort.parcels() != nullptr, "'{}' holds no parcels", cohort.path().string());
  SeriesNormalization n{.kind = Kind::kRobustScan};
  if (kind == Kind::kGlobalStd) n = fit_global(cohort, scans);
  if (kind == Kind::kRobust) n = fit_robust(cohort, scans);
  const bool constant = kind == Kind::kGlobalStd ? n.std <= 0
                        : kind == Kind::kRobust  ? std::ranges::none_of(n.iqr, [](double iqr) { return iqr > 0; })
                                                 : false;
  if (constant)
    throw DataError(
        fmt::format("{}: data.normalize={}: no parcel varies in the training scans: expected series with "
                    "their units",
                    cohort.path().string(), models::name_of(kind)));
  return std::make_shared<const SeriesNormalization>(std::move(n));
}

io::WindowLoader::Make series_windows(const io::Cohort& cohort, models::SharedNormalization normalization) {
  return [&cohort, normalization = std::move(normalization)](const io::WindowRequest& request,
                                                             std::vector<float>& values) {
    const std::size_t parcels = cohort.parcels()->size();
    std::vector<float> series = scan_of(cohort, request.scan);
    normalise(series, parcels, normalization.get());
    values.resize(request.frames * parcels);
    for (std::size_t t = 0; t < request.frames; ++t)
      for (std::size_t p = 0; p < parcels; ++p)
        values[p * request.frames + t] = series[(request.first_frame + t) * parcels + p];
  };
}

}  // namespace brainmt::task
