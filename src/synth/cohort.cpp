#include "synth/cohort.hpp"

#include <fmt/format.h>

#include <string>

#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/nifti.hpp"
#include "synth/subject.hpp"

namespace brainmt::synth {
namespace {

void write_phenotypes(const SynthConfig& config) {
  std::string table = "participant_id,sex,age,site,mean_fd,cognition\n";
  for (int subject = 0; subject < config.subjects; ++subject) {
    const Phenotype p = draw_phenotype(config, subject);
    table += fmt::format("{},{},{:.1f},site-{},{:.3f},{:.3f}\n", p.participant_id, p.sex, p.age, p.site + 1, p.mean_fd,
                         p.cognition());
  }
  io::write_atomically(config.out / "phenotypes.csv", table);
}

}  // namespace

void generate_cohort(const SynthConfig& config, int rank, int ranks, const Progress& progress) {
  validate(config);
  std::error_code error;
  std::filesystem::create_directories(config.out, error);
  if (error) throw OutputError(fmt::format("cannot create the folder '{}': {}", config.out.string(), error.message()));
  if (rank == 0) write_phenotypes(config);

  const NetworkMaps networks = network_maps(config.grid);
  const int share = rank < config.subjects ? (config.subjects - rank - 1) / ranks + 1 : 0;
  for (int done = 0; done < share; ++done) {
    const int subject = rank + done * ranks;
    ScanGenerator scan(config, networks, subject);
    const std::string name = draw_phenotype(config, subject).participant_id + ".nii.gz";
    io::write_nifti_gz(config.out / name, scan.header(),
                       [&](std::int64_t, std::span<float> frame) { scan.next_frame(frame); });
    if (progress) progress(done + 1, share);
  }
}

}  // namespace brainmt::synth
