#pragma once
// What the parcels take from one scan, and how much of a parcel a scan must cover.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.hpp"
#include "io/cohort_layout.hpp"
#include "parcels/regrid.hpp"

namespace brainmt::parcels {

enum class Stat { kMean, kMedian, kSd };  // over the covered voxels of a parcel; sd with the divisor n
/// mean, median or sd. Throws UsageError.
Stat parse_stat(std::string_view word);
std::string_view name_of(Stat stat);

/// Of a scan of T frames.
struct ScanParcels {
  std::vector<float> series;          // [T, P]; NaN: no covered voxel, or less coverage than wanted
  std::vector<std::uint32_t> voxels;  // used, of each parcel
  std::vector<double> coverage;       // of each parcel, 0 to 1
};

/// Share of each parcel's own voxels, on the atlas' grid, whose centre falls into a covered voxel of the data.
/// `covered`: of each voxel that the `shares` name. `own`: voxels of each parcel, as in GridParcels.
std::vector<double> coverage_of(std::span<const GridParcels::Share> shares, std::span<const std::uint32_t> own,
                                std::span<const std::uint8_t> covered);

/// Whole series of parcels without a voxel, or of less coverage than `min_coverage`, become NaN.
void drop_uncovered(ScanParcels& scan, double min_coverage);

/// Columns of the parcels that are NaN in a scan: 1 each.
std::vector<std::uint8_t> missing_in(std::span<const std::uint32_t> voxels, std::span<const double> coverage,
                                     double min_coverage);

/// Parcels that are missing, counted over the scans of all ranks.
class MissingParcels {
 public:
  explicit MissingParcels(std::size_t parcels) : scans_with_(parcels, 0) {}

  void add(const ScanParcels& scan, double min_coverage);
  /// Collective: the counts of all ranks.
  void reduce(comm::Communicator& comm);

  /// Throws DataError when more than `max_share` of the parcels are missing in every scan: the space is wrong.
  void check(const io::ParcelTable& parcels, double max_share) const;
  /// One line where any is missing: in how many scans, and the parcels that are missing in more than a tenth of them, or
  /// in all. Empty: none is.
  std::string describe(const io::ParcelTable& parcels) const;

 private:
  std::vector<std::int64_t> scans_with_;  // of each parcel: scans in which it is missing
  std::int64_t scans_ = 0, incomplete_ = 0;
};

}  // namespace brainmt::parcels
