// Writes tests/golden/quickstart_curve.tsv, or FILE: make_quickstart_curve [FILE]. Takes minutes.
//
// How far roundings of a type move a step: the root mean square, over kTwins trainings that round at random, of the
// distance to the one that does not.
#include <mpi.h>

#include <Kokkos_Core.hpp>
#include <cmath>

#include "curve/reference.hpp"
#include "memory/pool.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::test {
namespace {

constexpr std::uint64_t kTwins = 4;

using Moved = StepValues CurvePoint::*;

void make(const std::filesystem::path& file) {
  const TemporaryDirectory where;
  const io::Cohort cohort(make_quickstart_cohort(where.path()));
  const train::TrainSettings settings = quickstart_settings(where.path() / "run", "fp32");
  std::vector<CurvePoint> curve;
  for (const StepValues& value : train_in_double(settings, cohort, kSteps)) curve.push_back({value, {}, {}});
  for (const auto& [moved, rounding] : {std::pair<Moved, double>{&CurvePoint::moved_fp32, kRoundingFp32},
                                        std::pair<Moved, double>{&CurvePoint::moved_bf16, kRoundingBf16}}) {
    for (std::uint64_t twin = 0; twin < kTwins; ++twin) {
      const std::vector<StepValues> other = train_in_double(settings, cohort, kSteps, rounding, twin);
      for (std::size_t i = 0; i < curve.size(); ++i) {
        StepValues& sum = curve[i].*moved;
        sum.loss += std::pow(other[i].loss - curve[i].value.loss, 2) / kTwins;
        sum.gradient_norm += std::pow(other[i].gradient_norm - curve[i].value.gradient_norm, 2) / kTwins;
      }
    }
    for (CurvePoint& point : curve) {
      StepValues& sum = point.*moved;
      sum = {std::sqrt(sum.loss), std::sqrt(sum.gradient_norm)};
    }
  }
  write_curve(file, curve);
}

}  // namespace
}  // namespace brainmt::test

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  Kokkos::initialize();
  brainmt::test::make(argc > 1 ? argv[1] : brainmt::test::reference_file());
  brainmt::pool::release_cached();
  Kokkos::finalize();
  MPI_Finalize();
}
