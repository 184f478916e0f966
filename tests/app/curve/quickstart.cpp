#include "curve/quickstart.hpp"

#include <mpi.h>

#include <fstream>
#include <sstream>

#include "config/config.hpp"
#include "config/keys.hpp"
#include "io/atomic_file.hpp"
#include "prepare/prepare.hpp"
#include "run/schemas.hpp"
#include "support/source_root.hpp"
#include "synth/cohort.hpp"
#include "train/trainer.hpp"

namespace brainmt::test {

namespace fs = std::filesystem;

fs::path make_quickstart_cohort(const fs::path& folder) {
  const synth::SynthConfig scans{.out = folder / "scans", .subjects = kParticipants, .cognition_effect = 1.5};
  synth::generate_cohort(scans, 0, 1);
  const fs::path cohort = folder / "cohort.h5";
  prepare::PrepareConfig config;
  config.list.input = scans.out;
  config.output = cohort;
  prepare::prepare(config, MPI_COMM_SELF);
  return cohort;
}

train::TrainSettings quickstart_settings(const fs::path& run_dir, const std::string& precision) {
  const config::Config config = config::resolve(
      run::train_schema(),
      {.file = source_root() / "configs/quickstart_sex.yaml",
       .overrides = {"run.dir=" + run_dir.string(), "precision=" + precision, "run.batch_size=8", "log.every_steps=1"},
       .directories = {source_root() / "configs"}});
  train::TrainSettings settings = train::TrainSettings::from_config(config, 1);
  settings.loop.max_steps = kSteps;
  return settings;
}

fs::path reference_file() { return source_root() / "tests/golden/quickstart_curve.tsv"; }

void write_curve(const fs::path& file, const std::vector<CurvePoint>& curve) {
  std::string text = "step\tloss\tgradient_norm\tloss_fp32\tgradient_norm_fp32\tloss_bf16\tgradient_norm_bf16\n";
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const auto& [value, fp32, bf16] = curve[i];
    text += fmt::format("{}\t{:.12g}\t{:.12g}\t{:.3g}\t{:.3g}\t{:.3g}\t{:.3g}\n", i + 1, value.loss,
                        value.gradient_norm, fp32.loss, fp32.gradient_norm, bf16.loss, bf16.gradient_norm);
  }
  io::write_atomically(file, text);
}

std::vector<CurvePoint> read_curve(const fs::path& file) {
  std::ifstream in(file);
  std::vector<CurvePoint> curve;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::size_t step = 0;
    auto& [value, fp32, bf16] = curve.emplace_back();
    fields >> step >> value.loss >> value.gradient_norm >> fp32.loss >> fp32.gradient_norm >> bf16.loss >>
        bf16.gradient_norm;
    if (!fields || step != curve.size())
      throw DataError(fmt::format("'{}': expected step {}, found '{}'", file.string(), curve.size(), line));
  }
  return curve;
}

}  // namespace brainmt::test
