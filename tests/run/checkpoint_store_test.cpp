// Checkpoints of a tiny model: asynchronous and synchronous saves are equal, failures reach all ranks, flipped bits are
// found.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "io/safetensors.hpp"
#include "run/checkpoint.hpp"
#include "support/expect_error.hpp"
#include "support/flip_bit.hpp"
#include "train/run_support.hpp"

namespace brainmt::run {

using namespace nn;
namespace {

namespace fs = std::filesystem;

class Checkpoints : public testing::Test {
 protected:
  Checkpoints() : comm_(MPI_COMM_WORLD), model_(tiny(), DType::kF32), optimizer_(model_.parameters(), {}) {
    model_.initialise(1);
    model_.parameters().grads().copy_from(model_.parameters().values());
    optimizer_.step(1e-3, optimizer_.gradient_norm());  // moments that are not zero
  }
  static models::BrainMTConfig tiny() {
    models::BrainMTConfig config = test::tiny_model();
    config.grid = {9, 8, 7};
    return config;
  }
  void save(CheckpointStore& store, std::int64_t step) {
    store.save(step, fmt::format("state {}\n", step), model_.parameters(), optimizer_, {{"format", "pt"}}, false);
  }
  bool is_root() const { return comm_.rank() == 0; }

  test::SharedDirectory where_;
  comm::MpiCommunicator comm_;
  models::BrainMT model_;
  AdamW optimizer_;
};

TEST_F(Checkpoints, WhatTrainingDoesMeanwhileIsNotInThem) {
  CheckpointStore beside(comm_, where_ / "beside", {.asynchronous = true});
  CheckpointStore before(comm_, where_ / "before", {.asynchronous = false});
  for (const std::int64_t step : {1, 2, 3}) {
    save(before, step);
    save(beside, step);
    // As the next step would, at once.
    optimizer_.step(1e-3, optimizer_.gradient_norm());
  }
  beside.finish();
  if (!is_root()) return;
  EXPECT_EQ(before.written().count, 3);
  EXPECT_EQ(beside.written().count, 3);
  for (const char* name : {kModelFile, kOptimizerFile, kStateFile, "manifest.json"}) {
    const std::string bytes = test::read_file(where_ / "before" / step_name(3) / name);
    EXPECT_FALSE(bytes.empty());
    EXPECT_TRUE(bytes == test::read_file(where_ / "beside" / step_name(3) / name)) << name;
  }
}

TEST_F(Checkpoints, FailedWriteThrowsOnNextCallAndKeepsLastCheckpoint) {
  CheckpointStore store(comm_, where_ / "c", {});
  save(store, 1);
  store.finish();
  // A directory that is not empty where a file belongs that the next save must write.
  if (is_root()) fs::create_directories(where_ / "c" / "latest.d" / "x");
  if (is_root()) fs::remove(where_ / "c" / "latest");
  if (is_root()) fs::rename(where_ / "c" / "latest.d", where_ / "c" / "latest");
  comm_.barrier();
  save(store, 2);  // no error yet
  const auto code_of_next = [&](const auto& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    return ExitCode::kDone;
  };
  EXPECT_EQ(code_of_next([&] { save(store, 3); }), ExitCode::kOutput);
  EXPECT_EQ(code_of_next([&] { store.finish(); }), ExitCode::kDone) << "reported once";
  if (!is_root()) return;
  EXPECT_NO_THROW(verify_checkpoint(where_ / "c", 1));
}

// Which tensor of a file a byte belongs to; "its header" in front of them.
std::string part_at(const io::SafetensorsFile& file, std::uint64_t byte) {
  std::uint64_t data = 0;
  for (const std::string& name : file.names()) data += file.bytes(name).size();
  const std::uint64_t header = fs::file_size(file.path()) - data;
  for (const std::string& name : file.names()) {
    const io::StoredTensor& tensor = file.info(name);
    if (byte >= header + tensor.begin && byte < header + tensor.end) return "tensor " + name;
  }
  return "its header";
}

// BRAINMT_BIT_FLIPS=10000 is the full measure; each takes about a millisecond.
TEST_F(Checkpoints, Row17_FlippedBitsAreFoundAndTheirTensorsNamed) {
  CheckpointStore store(comm_, where_ / "c", {});
  save(store, 7);
  store.finish();
  if (!is_root()) return;  // verifying is rank 0's work
  const fs::path directory = where_ / "c" / step_name(7);
  std::vector<std::pair<std::string, std::uint64_t>> files;
  std::uint64_t all = 0;
  for (const char* name : {kModelFile, kOptimizerFile, kStateFile, "manifest.json"}) {
    files.emplace_back(name, fs::file_size(directory / name));
    all += files.back().second;
  }
  const char* wanted = std::getenv("BRAINMT_BIT_FLIPS");
  const int flips = wanted ? std::stoi(wanted) : 2'000;
  std::mt19937_64 random(17);
  int found = 0, tensors = 0;
  for (int flip = 0; flip < flips; ++flip) {
    std::uint64_t byte = random() % all;
    std::size_t which = 0;
    for (; byte >= files[which].second; ++which) byte -= files[which].second;
    const fs::path path = directory / files[which].first;
    const bool has_tensors = path.extension() == ".safetensors";
    const std::string part = has_tensors ? part_at(io::SafetensorsFile::open(path), byte) : files[which].first;
    const auto bit = static_cast<unsigned>(random() % 8);
    test::flip_bit(path, byte, bit);
    try {
      verify_checkpoint(where_ / "c", 7);
      ADD_FAILURE() << "not found: byte " << byte << " of " << path;
    } catch (const DataError& error) {
      const bool named = std::string_view(error.what()).find(part) != std::string_view::npos;
      EXPECT_TRUE(named) << part << " is not named: " << error.what();
      found += named ? 1 : 0;
      tensors += has_tensors && part != "its header" ? 1 : 0;
    }
    test::flip_bit(path, byte, bit);
  }
  EXPECT_NO_THROW(verify_checkpoint(where_ / "c", 7));
  fmt::print("{} of {} flips found and named, {} of them in tensors\n", found, flips, tensors);
}

}  // namespace
}  // namespace brainmt::run
