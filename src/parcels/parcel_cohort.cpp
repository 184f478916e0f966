#include "parcels/parcel_cohort.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "comm/mpi_communicator.hpp"
#include "comm/work_queue.hpp"
#include "io/cohort_writer.hpp"

namespace brainmt::parcels {
namespace {

// This rank's part; what it throws is not agreed on yet.
void take_scans(comm::WorkQueue& queue, std::size_t scans, const SeriesOf& series_of,
                const std::function<void(std::size_t, const ScanParcels&)>& take, const Progress& progress) {
  try {
    while (const auto scan = queue.next()) {
      take(*scan, series_of(*scan, [&] { queue.poke(); }));
      if (progress) progress(*scan + 1, scans);
    }
  } catch (...) {
    queue.stop();
    throw;
  }
}

}  // namespace

void for_each_scan(MPI_Comm mpi, std::size_t scans, const SeriesOf& series_of,
                   const std::function<void(std::size_t, const ScanParcels&)>& take, const Progress& progress) {
  comm::MpiCommunicator comm(mpi);
  comm::WorkQueue queue(mpi, scans);
  comm::run_agreed(comm, [&] { take_scans(queue, scans, series_of, take, progress); });
}

MissingParcels write_parcel_cohort(MPI_Comm mpi, const std::filesystem::path& target, const io::CohortLayout& layout,
                                   const SeriesOf& series_of, double max_missing, const Progress& progress) {
  BRAINMT_CHECK(layout.parcels, "a layout of voxels");
  comm::MpiCommunicator comm(mpi);
  io::CohortWriter writer(mpi, target, layout);
  MissingParcels missing(layout.parcels->size());
  std::exception_ptr failure;
  const auto attempt = [&](const auto& step) {
    try {
      step();
    } catch (...) {
      failure = std::current_exception();
    }
    return comm::all_reduce_value(comm, failure ? 1.0 : 0.0, comm::ReduceOp::kMax) == 0;
  };
  const auto take = [&](std::size_t s, const ScanParcels& scan) {
    writer.write_series(s, 0, scan.series);
    writer.set_parcel_coverage(s, scan.voxels, scan.coverage);
    writer.set_scan_statistics(s, layout.scans[s].statistics);
    missing.add(scan, layout.parcels->min_coverage);
  };
  comm::WorkQueue queue(mpi, layout.scans.size());
  if (attempt([&] { take_scans(queue, layout.scans.size(), series_of, take, progress); })) {
    missing.reduce(comm);
    attempt([&] { missing.check(*layout.parcels, max_missing); });
  }
  writer.commit(failure);  // agrees on the failure
  return missing;
}

io::CohortLayout parcel_layout(const io::CohortDescription& voxels, const io::ParcelTable& parcels,
                               const std::string& options) {
  io::CohortLayout layout;
  static_cast<io::CohortDescription&>(layout) = voxels;
  layout.grid = {};
  layout.affine = {};
  layout.parcels = parcels;
  using Json = nlohmann::ordered_json;
  Json processing = Json::parse(voxels.processing, nullptr, /*allow_exceptions=*/false);
  if (!processing.is_object()) processing = Json::object();
  processing["parcellate"] = Json::parse(options);
  layout.processing = processing.dump();
  return layout;
}

}  // namespace brainmt::parcels
