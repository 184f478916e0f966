#include "parcels/scan_parcels.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.hpp"
#include "comm/gather.hpp"

namespace brainmt::parcels {
namespace {

constexpr std::array<std::string_view, 3> kStats{"mean", "median", "sd"};
constexpr std::size_t kListed = 12;

std::string listed(const io::ParcelTable& parcels, const std::vector<std::size_t>& columns) {
  std::string text;
  for (std::size_t i = 0; i < std::min(columns.size(), kListed); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", parcels.name[columns[i]]);
  return text + (columns.size() > kListed ? ", ..." : "");
}

}  // namespace

Stat parse_stat(std::string_view word) {
  const auto found = std::ranges::find(kStats, word);
  if (found == kStats.end()) throw UsageError(fmt::format("parcellate.stat={}: expected mean, median or sd", word));
  return static_cast<Stat>(found - kStats.begin());
}

std::string_view name_of(Stat stat) { return kStats[static_cast<std::size_t>(stat)]; }

std::vector<double> coverage_of(std::span<const GridParcels::Share> shares, std::span<const std::uint32_t> own,
                                std::span<const std::uint8_t> covered) {
  std::vector<std::uint64_t> count(own.size(), 0);
  for (const GridParcels::Share& share : shares)
    if (covered[share.voxel] != 0) count[share.parcel] += share.count;
  std::vector<double> coverage(count.size());
  for (std::size_t p = 0; p < count.size(); ++p)
    coverage[p] = static_cast<double>(count[p]) / static_cast<double>(own[p]);
  return coverage;
}

std::vector<std::uint8_t> missing_in(std::span<const std::uint32_t> voxels, std::span<const double> coverage,
                                     double min_coverage) {
  std::vector<std::uint8_t> missing(voxels.size());
  for (std::size_t p = 0; p < missing.size(); ++p) missing[p] = voxels[p] == 0 || coverage[p] < min_coverage ? 1 : 0;
  return missing;
}

void drop_uncovered(ScanParcels& scan, double min_coverage) {
  const std::vector<std::uint8_t> missing = missing_in(scan.voxels, scan.coverage, min_coverage);
  for (std::size_t i = 0; i < scan.series.size(); ++i)
    if (missing[i % missing.size()] != 0) scan.series[i] = std::numeric_limits<float>::quiet_NaN();
}

void MissingParcels::add(const ScanParcels& scan, double min_coverage) {
  const std::vector<std::uint8_t> missing = missing_in(scan.voxels, scan.coverage, min_coverage);
  for (std::size_t p = 0; p < missing.size(); ++p) scans_with_[p] += missing[p];
  ++scans_;
  incomplete_ += std::ranges::find(missing, 1) != missing.end() ? 1 : 0;
}

void MissingParcels::reduce(comm::Communicator& comm) {
  comm::all_reduce(comm, std::span(scans_with_), comm::ReduceOp::kSum);
  std::array totals{scans_, incomplete_};
  comm::all_reduce(comm, std::span(totals.data(), totals.size()), comm::ReduceOp::kSum);
  scans_ = totals[0];
  incomplete_ = totals[1];
}

void MissingParcels::check(const io::ParcelTable& parcels, double max_share) const {
  std::vector<std::size_t> everywhere;
  for (std::size_t p = 0; p < parcels.size(); ++p)
    if (scans_with_[p] == scans_) everywhere.push_back(p);
  if (static_cast<double>(everywhere.size()) <= max_share * static_cast<double>(parcels.size())) return;
  throw DataError(
      fmt::format("{} of {} parcels of {} are not covered in any of {} scans ({}): are atlas and data in one space? "
                  "parcellate.max_missing={} is allowed",
                  everywhere.size(), parcels.size(), parcels.atlas, scans_, listed(parcels, everywhere), max_share));
}

std::string MissingParcels::describe(const io::ParcelTable& parcels) const {
  if (incomplete_ == 0) return "";
  std::vector<std::size_t> often, everywhere;
  for (std::size_t p = 0; p < parcels.size(); ++p) {
    if (scans_with_[p] == scans_)
      everywhere.push_back(p);
    else if (10 * scans_with_[p] > scans_)
      often.push_back(p);
  }
  std::string text =
      fmt::format("{} of {} scans do not cover every parcel; such parcels are NaN there", incomplete_, scans_);
  if (!everywhere.empty())
    text += fmt::format("; missing in all of them: {} ({})", everywhere.size(), listed(parcels, everywhere));
  if (!often.empty())
    text += fmt::format("; missing in more than a tenth of them: {} ({})", often.size(), listed(parcels, often));
  return text;
}

}  // namespace brainmt::parcels
