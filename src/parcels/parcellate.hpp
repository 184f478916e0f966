#pragma once
// `brainmt parcellate`: the parcels of every usable scan of a cohort of voxels. Each scan is read once, in blocks of 16
// frames, by one rank; the result does not depend on the number of ranks or of shards.
#include <mpi.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/cohort.hpp"
#include "parcels/find_atlas.hpp"
#include "parcels/packed_parcels.hpp"
#include "parcels/parcel_cohort.hpp"

namespace brainmt::parcels {

/// Part `number` (from 1) of `of` jobs.
struct Shard {
  std::size_t number = 1, of = 1;
  bool whole() const { return of == 1; }
};
/// "K/N" with 1 <= K <= N <= 999; empty: everything. Throws UsageError.
Shard parse_shard(std::string_view text);
/// `<out without extension>.shard-KKK-of-NNN<extension>`; `out` itself for the whole.
std::filesystem::path shard_path(const std::filesystem::path& out, const Shard& shard);
/// What the provenance of a shard says at its end; empty for the whole.
std::string shard_mark(const Shard& shard);

struct ParcellateSettings {
  AtlasSettings atlas{};
  Stat stat = Stat::kMean;
  double min_coverage = 0.5;        // a parcel of less coverage in a scan is NaN there
  double max_missing = 0.2;         // share of the parcels that may be missing in every scan
  bool original_units = false;      // z std + mean instead of z
  std::filesystem::path weights{};  // 3-D map for a weighted mean; empty: none
  Shard shard{};
  std::string program{};   // name, version and revision
  bool overwrite = false;  // replace a cohort of other inputs or options

  static ParcellateSettings from_config(const config::Config& config);
};

/// An atlas on the grid of a cohort, weights with it: what all scans share.
struct CohortAtlas {
  Atlas atlas;
  GridParcels grid;
  std::vector<float> weights;  // X fastest; empty: none
};
/// Throws DataError, UsageError: also where the cohort holds parcels.
CohortAtlas open_for(const ParcellateSettings& settings, const io::Cohort& cohort);

/// Gives the parcels of scans of a cohort, thresholded and in the wanted unit. One a rank.
class CohortParcels {
 public:
  CohortParcels(const ParcellateSettings& settings, const io::Cohort& cohort, const CohortAtlas& atlas)
      : settings_(settings), cohort_(cohort), atlas_(atlas) {}
  ScanParcels of_scan(std::size_t scan, const std::function<void()>& poke);

 private:
  const ParcellateSettings& settings_;
  const io::Cohort& cohort_;
  const CohortAtlas& atlas_;
  const io::CohortFile* file_ = nullptr;  // that of packed_
  std::unique_ptr<PackedParcels> packed_;
};

/// The usable scans of the shard, ascending.
std::vector<std::size_t> scans_of(const io::Cohort& cohort, const Shard& shard);
/// The options that decide the numbers, a JSON object.
std::string options_of(const ParcellateSettings& settings, const GridParcels& grid);
/// The description of what is written of these scans.
io::CohortLayout layout_of(const ParcellateSettings& settings, const io::Cohort& cohort, const CohortAtlas& atlas,
                           const std::vector<std::size_t>& scans);

struct ParcellateSummary {
  std::size_t scans = 0, parcels = 0, quarantined = 0;
  bool was_complete = false;       // a shard that was there already, of the same input
  std::string atlas{}, missing{};  // lines for people; empty: nothing to say
  std::vector<std::string> notes{}, warnings{};
};

/// Collective: writes a cohort of parcels to `out`, or the settings' shard of it. A shard that is there, made of the same
/// input, is kept. A whole cohort of other inputs or options is replaced with settings.overwrite only (UsageError). Throws
/// the same on every rank.
ParcellateSummary parcellate_cohort(const ParcellateSettings& settings, const io::Cohort& cohort,
                                    const std::filesystem::path& out, MPI_Comm comm, const Progress& progress = {});

/// Collective: puts the `of` shards of `out` together: the bytes that one job would have written. Throws UsageError naming
/// missing shards, DataError naming one that is of other input. `overwrite`: as in the settings.
ParcellateSummary merge_parcel_shards(const std::filesystem::path& out, std::size_t of, bool overwrite, MPI_Comm comm);

/// Not collective. Throws UsageError where `path` is a cohort of other inputs or options than `layout`, or damaged.
void refuse_other(const std::filesystem::path& path, const io::CohortLayout& layout);

}  // namespace brainmt::parcels
