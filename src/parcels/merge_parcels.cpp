// One cohort of parcels from the shards of several jobs.
#include <fmt/ranges.h>

#include <type_traits>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "comm/mpi_communicator.hpp"
#include "parcels/parcellate.hpp"

namespace brainmt::parcels {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxShards = 999;

// The shards, opened in order; each of the same input as the first.
std::vector<std::unique_ptr<io::Cohort>> open_shards(const fs::path& out, std::size_t of) {
  std::vector<std::size_t> absent;
  for (std::size_t k = 1; k <= of; ++k)
    if (std::error_code missing; !fs::exists(shard_path(out, {k, of}), missing)) absent.push_back(k);
  if (!absent.empty())
    throw UsageError(
        fmt::format("{} of {} shards are missing: {}; run parcellate with shard=K/{} for them, first expected "
                    "file '{}'",
                    absent.size(), of, fmt::join(absent, ","), of, shard_path(out, {absent.front(), of}).string()));
  std::vector<std::unique_ptr<io::Cohort>> shards;
  shards.reserve(of);
  std::string common;
  for (std::size_t k = 1; k <= of; ++k) {
    const fs::path path = shard_path(out, {k, of});
    shards.push_back(std::make_unique<io::Cohort>(path));
    const std::string mark = shard_mark({k, of});
    std::string provenance = shards.back()->layout().provenance;
    if (shards.back()->parcels() == nullptr || !provenance.ends_with(mark))
      throw DataError(fmt::format("'{}' is no shard {} of {} of 'brainmt parcellate'", path.string(), k, of));
    provenance.resize(provenance.size() - mark.size());
    if (k == 1) common = provenance;
    const std::string differs = parcel_difference(*shards.front()->parcels(), *shards.back()->parcels());
    if (provenance != common || !differs.empty())
      throw DataError(fmt::format("'{}' was made of other input than '{}'{}: make both again", path.string(),
                                  shards.front()->path().string(),
                                  differs.empty() ? "" : fmt::format(" ({})", differs)));
  }
  return shards;
}

// Scans of the whole in the order of one job: one of each shard in turn.
io::CohortLayout joined(const std::vector<std::unique_ptr<io::Cohort>>& shards) {
  io::CohortLayout layout;
  static_cast<io::CohortDescription&>(layout) = shards.front()->layout();
  layout.provenance.resize(layout.provenance.size() - shard_mark({1, shards.size()}).size());
  layout.scans.clear();
  std::size_t total = 0;
  for (const auto& shard : shards) total += shard->scans().size();
  for (std::size_t i = 0; i < total; ++i) {
    const io::Cohort& shard = *shards[i % shards.size()];
    if (i / shards.size() >= shard.scans().size())
      throw DataError(fmt::format("'{}' has {} scans, too few of {}: make the shards again", shard.path().string(),
                                  shard.scans().size(), total));
    layout.scans.push_back(shard.scans()[i / shards.size()]);
  }
  for (std::size_t c = 0; c < layout.phenotypes.size(); ++c)
    std::visit(
        [&](auto& values) {
          using Values = std::remove_reference_t<decltype(values)>;
          values.clear();
          for (std::size_t i = 0; i < total; ++i)
            values.push_back(
                std::get<Values>(shards[i % shards.size()]->layout().phenotypes.at(c).values)[i / shards.size()]);
        },
        layout.phenotypes[c].values);
  return layout;
}

}  // namespace

ParcellateSummary merge_parcel_shards(const fs::path& out, std::size_t of, bool overwrite, MPI_Comm mpi) {
  comm::MpiCommunicator comm(mpi);
  std::vector<std::unique_ptr<io::Cohort>> shards;
  io::CohortLayout layout;
  comm::run_agreed(comm, [&] {
    if (of < 2 || of > kMaxShards) throw UsageError(fmt::format("merge={}: expected 2 to {}", of, kMaxShards));
    shards = open_shards(out, of);
    layout = joined(shards);
    if (comm.rank() == 0 && !overwrite) refuse_other(out, layout);
  });
  const auto series_of = [&](std::size_t i, const std::function<void()>& poke) {
    const io::Cohort& shard = *shards[i % of];
    const std::size_t scan = i / of;
    ScanParcels parcels;
    const auto voxels = shard.parcel_voxels(scan);
    const auto coverage = shard.parcel_coverage(scan);
    parcels.voxels.assign(voxels.begin(), voxels.end());
    parcels.coverage.assign(coverage.begin(), coverage.end());
    parcels.series.resize(shard.scans()[scan].frames * voxels.size());
    shard.read_series(scan, 0, parcels.series, io::Cohort::Verify::kYes);
    poke();
    return parcels;
  };
  ParcellateSummary summary{.scans = layout.scans.size(), .parcels = layout.parcels->size()};
  // Each shard was checked for missing parcels by itself; together they have fewer.
  summary.missing = write_parcel_cohort(mpi, out, layout, series_of, 1.0).describe(*layout.parcels);
  return summary;
}

}  // namespace brainmt::parcels
