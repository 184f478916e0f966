// Rank 1 fails alone while rank 0 waits for it in a collective. `throw`: an error reaches main(), which ends the job.
// `hang`: rank 1 never comes, and its watchdog ends the job.
#include <cstdio>
#include <future>
#include <string_view>

#include "base/error.hpp"
#include "comm/environment.hpp"
#include "comm/watchdog.hpp"

int main(int argc, char** argv) {
  using namespace brainmt;
  comm::Environment environment(&argc, &argv);
  const auto world = environment.world();
  comm::Watchdog watchdog(world->rank());
  const bool hangs = argc > 1 && std::string_view(argv[1]) == "hang";
  try {
    if (world->rank() == 1) {
      if (!hangs) throw DataError("rank 1: scan.nii.gz: a volume is missing");
      const auto section = watchdog.section("step", std::chrono::milliseconds(200), 7);
      std::promise<void>().get_future().wait_for(std::chrono::hours(1));
    }
    world->barrier();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    comm::end_job(static_cast<int>(error.code()));
  }
  return 0;
}
