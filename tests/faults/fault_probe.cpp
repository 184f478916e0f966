// Opens one file with one reader, as the tests of hostile input do it in a process of their own: whatever happens is
// bounded there and its memory can be told apart. Usage: fault_probe KIND FILE; prints two lines,
//
//   accepted | refused: <message>
//   peak_kb=<largest resident set of the process> seconds=<processor time in the reader>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "io/cohort.hpp"
#include "io/nifti.hpp"
#include "io/safetensors.hpp"
#include "io/table.hpp"

namespace {

using namespace brainmt;

void read(const std::string& kind, const std::string& path) {
  if (kind == "nifti") {
    io::NiftiReader reader(path);
    const auto frame = std::make_unique_for_overwrite<float[]>(reader.header().frame_voxels());
    while (reader.next_frame({frame.get(), reader.header().frame_voxels()})) {
    }
  } else if (kind == "table") {
    io::Table::read(path);
  } else if (kind == "safetensors") {
    io::SafetensorsFile::open(path);
  } else if (kind == "cohort") {
    io::Cohort(path).verify();
  } else {
    throw UsageError("unknown kind " + kind);
  }
}

// Of this program alone: what getrusage() calls the peak would include the process that started it.
long peak_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    long value = 0;
    if (word == "VmHWM:" && status >> value) return value;
  }
  return -1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::clock_t begin = std::clock();
  try {
    read(argv[1], argv[2]);
    std::printf("accepted\n");
  } catch (const DataError& refusal) {
    std::printf("refused: %s\n", refusal.what());
  } catch (const std::exception& other) {
    std::printf("other: %s\n", other.what());
  }
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  std::printf("peak_kb=%ld seconds=%.3f\n", peak_kb(), seconds);
  return 0;
}
