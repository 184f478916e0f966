#pragma once
// Runs of the tiny model for tests on several ranks, and what they leave behind.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "comm/mpi_communicator.hpp"
#include "io/cohort.hpp"
#include "io/safetensors.hpp"
#include "run/checkpoint_files.hpp"
#include "support/temporary_directory.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::test {

/// A directory that all ranks of MPI_COMM_WORLD see, made and removed by rank 0.
class SharedDirectory {
 public:
  SharedDirectory() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    std::array<char, 512> name{};
    if (rank == 0) {
      owned_.emplace();
      owned_->path().string().copy(name.data(), name.size() - 1);
    }
    MPI_Bcast(name.data(), static_cast<int>(name.size()), MPI_CHAR, 0, MPI_COMM_WORLD);
    path_ = name.data();
  }
  ~SharedDirectory() { MPI_Barrier(MPI_COMM_WORLD); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::optional<TemporaryDirectory> owned_;
  std::filesystem::path path_;
};

/// Ranks 0 .. size-1 of the job, or none on the others.
class SubCommunicator {
 public:
  explicit SubCommunicator(int size) {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_split(MPI_COMM_WORLD, rank < size ? 0 : MPI_UNDEFINED, rank, &mpi_);
    if (mpi_ != MPI_COMM_NULL) comm_.emplace(mpi_);
  }
  ~SubCommunicator() {
    comm_.reset();
    if (mpi_ != MPI_COMM_NULL) MPI_Comm_free(&mpi_);
    MPI_Barrier(MPI_COMM_WORLD);
  }
  comm::Communicator* get() { return comm_ ? &*comm_ : nullptr; }

 private:
  MPI_Comm mpi_ = MPI_COMM_NULL;
  std::optional<comm::MpiCommunicator> comm_;
};

inline std::filesystem::path checkpoint_of(const std::filesystem::path& run_dir, std::int64_t step) {
  return run_dir / "checkpoints" / run::step_name(step);
}

inline std::int64_t newest_step(const std::filesystem::path& run_dir) {
  return run::newest_valid_step(run_dir / "checkpoints").value_or(-1);
}

using Weights = std::map<std::string, std::vector<float>>;

inline Weights weights_at(const std::filesystem::path& run_dir, std::int64_t step) {
  Weights weights;
  const auto file = io::SafetensorsFile::open(checkpoint_of(run_dir, step) / run::kModelFile);
  for (const std::string& name : file.names()) {
    weights[name].resize(file.info(name).elements());
    file.read_f32(name, weights[name]);
  }
  return weights;
}

/// Norm of the difference of two runs' weights over the norm of what training changed since `initial`.
inline double relative_difference(const Weights& a, const Weights& b, const Weights& initial) {
  double difference = 0, change = 0;
  for (const auto& [name, values] : a) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      difference += std::pow(double{values[i]} - b.at(name)[i], 2);
      change += std::pow(double{values[i]} - initial.at(name)[i], 2);
    }
  }
  return std::sqrt(difference / change);
}

/// Weights and moments of the newest checkpoint of both runs are the same bytes.
inline void expect_same_tensors(const std::filesystem::path& a, const std::filesystem::path& b) {
  const std::int64_t step = newest_step(a);
  ASSERT_EQ(step, newest_step(b));
  for (const char* file : {run::kModelFile, run::kOptimizerFile}) {
    const std::string bytes = read_file(checkpoint_of(a, step) / file);
    EXPECT_FALSE(bytes.empty());
    EXPECT_TRUE(bytes == read_file(checkpoint_of(b, step) / file)) << file << " differs at step " << step;
  }
}

/// The same, and state.json too.
inline void expect_same_run(const std::filesystem::path& a, const std::filesystem::path& b) {
  expect_same_tensors(a, b);
  const std::int64_t step = newest_step(a);
  EXPECT_EQ(read_file(checkpoint_of(a, step) / run::kStateFile), read_file(checkpoint_of(b, step) / run::kStateFile));
}

}  // namespace brainmt::test
