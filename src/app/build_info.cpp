#include "app/build_info.hpp"

#include <fmt/format.h>
#include <hdf5.h>
#include <mpi.h>
#include <spdlog/version.h>
#include <zlib.h>

#include <CLI/Version.hpp>
#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "dnn/backend.hpp"

namespace brainmt::app {
namespace {

// First line of MPI_Get_library_version(), which may have many.
std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string whole(text, static_cast<std::size_t>(length));
  return whole.substr(0, whole.find_first_of(",\n"));
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
#ifdef H5_HAVE_PARALLEL
  const char* kind = "parallel";
#else
  const char* kind = "serial";
#endif
  return fmt::format("{}.{}.{}, {}", major, minor, release, kind);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> library_versions() {
  return {
      {"Kokkos", fmt::format("{}, {}", kokkos_version(), execution_space())},
      {"dense algebra", dnn::describe()},
      {"MPI", mpi_version()},
      {"HDF5", hdf5_version()},
      {"zlib", zlibVersion()},
      {"yaml-cpp", BRAINMT_YAML_CPP_VERSION},
      {"nlohmann-json",
       fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
      {"CLI11", CLI11_VERSION},
      {"spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)},
      {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
  };
}

std::string version_text() {
  std::string out = fmt::format("brainmt {} ({})\n  {:<14} {}\n", version(), git_revision(), "compiler", compiler());
  for (const auto& [name, text] : library_versions()) out += fmt::format("  {:<14} {}\n", name, text);
  return out;
}

}  // namespace brainmt::app
