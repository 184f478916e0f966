// A valid cohort file with random bytes changed or its end cut off, thousands of times: each is refused with a
// DataError, or accepted with the frames as they were. The files are read in a forked child. A crash inside the HDF5
// library is counted and printed, one in our code fails; frames that changed without notice always fail.
#include <execinfo.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <span>
#include <string>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "io/cohort.hpp"
#include "io/cohort_fixture.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using brainmt::test::read_file;
using brainmt::test::TemporaryDirectory;
using brainmt::test::write_file;

constexpr int kMutations = 2000;

enum Outcome : int { kRefused = 10, kUnchanged, kOtherDescription, kOtherFrames, kOtherError, kInLibrary, kInOurs };

// From one to four random bytes, or a length that is random.
std::string mutated(const std::string& whole, std::uint64_t index) {
  Philox random(20261121, 36, index);
  const auto below = [&](std::size_t bound) {
    return static_cast<std::size_t>(random.uniform() * static_cast<double>(bound));
  };
  std::string bytes = whole;
  if (index % 5 == 0) {
    bytes.resize(below(whole.size()));
    return bytes;
  }
  for (std::size_t i = 0; i <= index % 4; ++i) bytes[below(bytes.size())] ^= static_cast<char>(1 + below(255));
  return bytes;
}

bool same_description(const CohortDescription& a, const CohortDescription& b) {
  if (a.affine != b.affine || a.phenotypes.size() != b.phenotypes.size() || a.scans.size() != b.scans.size()) {
    return false;
  }
  for (std::size_t s = 0; s < a.scans.size(); ++s) {
    if (a.scans[s].participant_id != b.scans[s].participant_id || a.scans[s].frames != b.scans[s].frames ||
        a.scans[s].repetition_time != b.scans[s].repetition_time ||
        a.scans[s].statistics.fill != b.scans[s].statistics.fill) {
      return false;
    }
  }
  for (std::size_t c = 0; c < a.phenotypes.size(); ++c) {
    if (a.phenotypes[c].name != b.phenotypes[c].name) return false;
  }
  return true;
}

struct Expected {
  CohortLayout layout = test::small_layout();  // of which the frames follow
  CohortDescription description;               // as the undamaged file tells it
};

// Every frame, with its checksum, against the formula that it was made by.
Outcome read_all(const std::filesystem::path& path, const Expected& expected) {
  try {
    const Cohort cohort(path);
    cohort.verify();
    const CohortDescription& found = cohort.layout();
    if (found.scans.size() != expected.layout.scans.size()) return kOtherDescription;
    for (std::size_t s = 0; s < found.scans.size(); ++s) {
      const std::uint64_t frames = expected.layout.scans[s].frames;
      if (found.scans[s].frames != frames || cohort.voxels_of(s) != expected.layout.voxels) return kOtherDescription;
      std::vector<std::uint16_t> window(frames * cohort.voxels(s));
      cohort.read_window(s, 0, window, Cohort::Verify::kYes);
      if (window != test::small_frames(expected.layout, s, 0, frames)) return kOtherFrames;
    }
    return same_description(found, expected.description) ? kUnchanged : kOtherDescription;
  } catch (const DataError&) {
    return kRefused;
  } catch (...) {
    return kOtherError;
  }
}

// The topmost frame that is neither this handler's nor the C library's says whose crash it is.
extern "C" void on_crash(int) {
  void* frames[64];
  const int count = backtrace(frames, 64);
  char** names = backtrace_symbols(frames, count);
  bool library = false;
  for (int i = 2; names != nullptr && i < count && !library; ++i) {
    if (std::strstr(names[i], "libc.so") != nullptr || std::strstr(names[i], "linux-vdso") != nullptr) continue;
    library = std::strstr(names[i], "libhdf5") != nullptr;
    break;
  }
  _exit(library ? kInLibrary : kInOurs);
}

// Runs the mutations from `first` on in a child until one crashes it or all are done; a child that hangs is ended by
// its alarm. Returns the index behind the last one that has an outcome.
int run_child(const TemporaryDirectory& directory, const std::string& whole, const Expected& expected, int first,
              std::span<int> outcomes) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) std::signal(signal, on_crash);
    const auto path = directory / "mutated.h5";
    for (int i = first; i < kMutations; ++i) {
      ::alarm(10);
      write_file(path, mutated(whole, static_cast<std::uint64_t>(i)));
      outcomes[static_cast<std::size_t>(i)] = read_all(path, expected);
    }
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return kMutations;
  const auto crashed = std::ranges::find(outcomes, 0) - outcomes.begin();
  outcomes[static_cast<std::size_t>(crashed)] = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return static_cast<int>(crashed) + 1;
}

TEST(FaultRow33, RandomDamageToACohortIsRefusedOrHarmless) {
  const TemporaryDirectory directory;
  test::write_small_cohort(MPI_COMM_SELF, directory / "whole.h5");
  const std::string whole = read_file(directory / "whole.h5");
  Expected expected;
  expected.description = Cohort(directory / "whole.h5").layout();
  ASSERT_EQ(read_all(directory / "whole.h5", expected), kUnchanged);

  // Shared with the children.
  void* memory = ::mmap(nullptr, kMutations * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::span<int> outcomes(static_cast<int*>(memory), kMutations);
  for (int next = 0; next < kMutations;) next = run_child(directory, whole, expected, next, outcomes);
  std::map<int, int> count;
  for (int i = 0; i < kMutations; ++i) {
    const int outcome = outcomes[static_cast<std::size_t>(i)];
    ++count[outcome];
    const bool read_or_refused = outcome >= kRefused && outcome <= kOtherDescription;
    EXPECT_TRUE(read_or_refused || outcome == kInLibrary) << "mutation " << i << " ended as " << outcome;
  }
  ::munmap(memory, kMutations * sizeof(int));
  std::printf(
      "%d damaged files of %zu bytes: %d refused, %d with nothing changed that is read, %d with another "
      "description and sound frames, %d crashes inside the HDF5 library\n",
      kMutations, whole.size(), count[kRefused], count[kUnchanged], count[kOtherDescription], count[kInLibrary]);
  EXPECT_GT(count[kRefused], kMutations / 5) << "cut files alone are a fifth";
}

}  // namespace
}  // namespace brainmt::io
