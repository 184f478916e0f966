// CIFTI files of parcellated series: what is read has the values that its axes ask for, and parcels of distinct names.
#include <set>

#include "base/error.hpp"
#include "fuzz/checks.hpp"
#include "io/cifti.hpp"

namespace brainmt::fuzz {

void run_cifti(Bytes input) {
  const MemoryFile file(input);
  accepted<DataError>([&] {
    const io::CiftiSeries axes = io::read_cifti_axes(file.path());
    require(axes.values.empty(), "axes come alone");
    const std::set<std::string> names(axes.names.begin(), axes.names.end());
    require(!names.empty() && names.size() == axes.names.size(), "parcels have names of their own");
    const io::CiftiSeries whole = io::read_cifti_series(file.path());
    require(whole.names == axes.names && whole.frames == axes.frames, "both readers see the same axes");
    require(whole.values.size() == names.size() * static_cast<std::size_t>(axes.frames), "a value a frame and parcel");
  });
}

}  // namespace brainmt::fuzz
