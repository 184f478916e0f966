#include "synth/cohort.hpp"

#include <fmt/format.h>

#include <string>

#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/nifti.hpp"
#include "synth/atlas.hpp"
#include "synth/cohort_files.hpp"
#include "synth/parcels.hpp"
#include "synth/subject.hpp"

namespace brainmt::synth {
namespace {

void create_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw OutputError(fmt::format("cannot create the folder '{}': {}", folder.string(), error.message()));
}

void write_text(const SynthConfig& config, const TextFile& file) {
  io::write_atomically(config.out / file.path, file.content);
}

void write_scan(const SynthConfig& config, const NetworkMaps& networks, int subject, int run) {
  ScanGenerator scan(config, networks, subject, run);
  const std::filesystem::path path = config.out / scan_path(config, subject, run);
  create_folder(path.parent_path());
  for (const TextFile& file : files_beside(config, subject, run)) write_text(config, file);
  io::write_nifti_gz(path, scan.header(), [&](std::int64_t, std::span<float> frame) { scan.next_frame(frame); });
}

void write_parcels(const SynthConfig& config, const PlantedEdges& edges, int subject, int run) {
  const TextFile table = parcel_table(config, edges, subject, run);
  create_folder((config.out / table.path).parent_path());
  for (const TextFile& file : files_beside(config, subject, run)) write_text(config, file);
  write_text(config, table);
}

}  // namespace

void generate_cohort(const SynthConfig& config, int rank, int ranks, const Progress& progress) {
  validate(config);
  create_folder(config.out);
  if (rank == 0) {
    for (const TextFile& file : cohort_files(config)) write_text(config, file);
  }
  const bool parcels = config.kind == Kind::kParcels;
  if (rank == 0 && !parcels) write_atlas(config, make_atlas(config), config.out / kAtlasImage);
  const NetworkMaps networks = parcels ? NetworkMaps() : network_maps(config.grid);
  const PlantedEdges edges = parcels ? planted_edges(config) : PlantedEdges();
  const int share = rank < config.subjects ? (config.subjects - rank - 1) / ranks + 1 : 0;
  for (int done = 0; done < share; ++done) {
    for (int run = 0; run < runs_of(config); ++run) {
      if (parcels)
        write_parcels(config, edges, rank + done * ranks, run);
      else
        write_scan(config, networks, rank + done * ranks, run);
    }
    if (progress) progress(done + 1, share);
  }
}

}  // namespace brainmt::synth
