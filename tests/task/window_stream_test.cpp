// Windows as model input, unpacked by the loader or on the device: the same bits, and errors at the same window.
#include "task/window_stream.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "../io/parcel_fixture.hpp"
#include "base/error.hpp"
#include "base/philox.hpp"
#include "io/cohort_index.hpp"
#include "io/cohort_writer.hpp"
#include "io/float16.hpp"
#include "io/hdf5_reader.hpp"
#include "kernels/types.hpp"
#include "memory/pool.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::task {
namespace {

using Unpack = WindowStream::Unpack;

constexpr std::int64_t kFrames = 9;  // of a window
constexpr std::uint32_t kX = 5, kY = 3, kZ = 7;
constexpr std::size_t kScans = 5;  // of a shard
constexpr std::uint64_t kScanFrames = 12;

// Two shards with a mask each, the second one larger; every scan fills the outside with a value of its own.
class Stream : public testing::Test {
 protected:
  Stream() {
    write_shard("a.h5", 0, [](std::uint32_t voxel) { return voxel % 4 == 1; });
    write_shard("b.h5", 1, [](std::uint32_t voxel) { return voxel % 7 != 0 && voxel > 10; });
    io::write_cohort_index(path_, {directory_ / "a.h5", directory_ / "b.h5"});
  }

  template <class InMask>
  void write_shard(const std::string& name, std::uint32_t number, const InMask& in_mask) {
    io::CohortLayout layout;
    layout.grid = {kX, kY, kZ};
    layout.affine = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
    for (std::uint32_t v = 0; v < layout.grid.voxels(); ++v)
      if (in_mask(v)) layout.voxels.push_back(v);
    layout.normalization = "none";
    layout.provenance = "test";
    for (std::size_t s = 0; s < kScans; ++s)
      layout.scans.push_back({.participant_id = fmt::format("sub-{}{}", s, number),
                              .source = fmt::format("sub-{}{}", s, number),
                              .frames = kScanFrames,
                              .repetition_time = 1});
    io::CohortWriter writer(MPI_COMM_SELF, directory_ / name, layout);
    for (std::size_t s = 0; s < kScans; ++s) {
      Philox random(3, number, s);
      std::vector<std::uint16_t> frames(kScanFrames * layout.voxels.size());
      for (auto& value : frames) value = io::float_to_half(static_cast<float>(random.normal()));
      writer.write_frames(s, 0, frames);
      const float fill = -1.1f - static_cast<float>(s) - 8.0f * static_cast<float>(number);
      writer.set_scan_statistics(s, {.mean = 0, .std = 1, .fill = io::float_to_half(fill)});
    }
    writer.commit();
  }

  // Scans of both shards in turn, windows at all starts.
  static io::WindowLoader::Source source(std::size_t count) {
    return [count, at = std::size_t{0}]() mutable -> std::optional<io::WindowRequest> {
      if (at == count) return std::nullopt;
      const std::size_t i = at++;
      return io::WindowRequest{(i * 3) % (2 * kScans), i % (kScanFrames - kFrames + 1), kFrames};
    };
  }

  static std::string bytes_of(const Tensor& tensor) {
    std::string bytes(tensor.bytes(), '\0');
    Kokkos::deep_copy(
        Kokkos::View<char*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(bytes.data(), bytes.size()),
        Kokkos::View<const char*, kernels::Exec::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(
            static_cast<const char*>(tensor.raw()), bytes.size()));
    return bytes;
  }

  const test::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "cohort.h5";
};

TEST_F(Stream, DeviceAndLoaderUnpackToTheSameBits) {
  const io::Cohort cohort(path_);
  ASSERT_NE(cohort.voxels(0), cohort.voxels(1)) << "the scans of the two shards take turns";
  constexpr std::int64_t kWindows = 17;
  for (const DType type : {DType::kF32, DType::kBf16, DType::kF64}) {
    for (const std::int64_t batch : {1, 2, 3}) {
      for (const std::int64_t prefetch : {1, 2, 5}) {
        WindowStream dense(cohort, source(kWindows), windows_of(cohort, kFrames), prefetch, type, Unpack::kLoader);
        WindowStream packed(cohort, source(kWindows), windows_of(cohort, kFrames), prefetch, type, Unpack::kDevice);
        for (std::int64_t first = 0; first < kWindows; first += batch) {
          const std::int64_t count = std::min(batch, kWindows - first);
          const Tensor want = dense.take(count), got = packed.take(count);
          ASSERT_EQ(got.dtype(), type);
          ASSERT_EQ(got.shape(), (Shape{count, kFrames, kY, kX, kZ}));
          ASSERT_TRUE(bytes_of(got) == bytes_of(want))
              << name_of(type) << ", windows from " << first << " in batches of " << batch;
        }
        for (WindowStream* stream : {&dense, &packed})
          test::expect_error<InternalError>([&] { stream->take(1); }, {"the source of windows ended early"});
      }
    }
  }
}

// The tensors of earlier batches stay as they are while later windows pass through the same buffers.
TEST_F(Stream, LaterWindowsLeaveEarlierBatchesAlone) {
  const io::Cohort cohort(path_);
  WindowStream dense(cohort, source(12), windows_of(cohort, kFrames), 3, DType::kF32, Unpack::kLoader);
  WindowStream packed(cohort, source(12), windows_of(cohort, kFrames), 3, DType::kF32, Unpack::kDevice);
  std::vector<Tensor> batches;
  for (int i = 0; i < 6; ++i) batches.push_back(packed.take(2));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(bytes_of(batches[static_cast<std::size_t>(i)]) == bytes_of(dense.take(2)));
}

TEST_F(Stream, WindowsGoWhereTheyAreWantedIfTheyFit) {
  const io::Cohort cohort(path_);
  for (const Unpack unpack : {Unpack::kLoader, Unpack::kDevice}) {
    WindowStream expected(cohort, source(8), windows_of(cohort, kFrames), 3, DType::kBf16, unpack);
    WindowStream stream(cohort, source(8), windows_of(cohort, kFrames), 3, DType::kBf16, unpack);
    const Tensor out = expected.take(2).clone();
    stream.take(2);
    for (int i = 0; i < 2; ++i) {
      const Tensor got = stream.take(2, out);
      EXPECT_EQ(got.raw(), out.raw());
      EXPECT_TRUE(bytes_of(got) == bytes_of(expected.take(2)));
    }
    const std::string before = bytes_of(out);
    EXPECT_TRUE(bytes_of(stream.take(1, out)) == bytes_of(expected.take(1)))
        << "one window does not fill a batch of two";
    EXPECT_TRUE(bytes_of(stream.take(1, Tensor(Shape{1, kFrames, kY, kX, kZ}, DType::kF32))) ==
                bytes_of(expected.take(1)))
        << "another type";
    EXPECT_TRUE(bytes_of(out) == before);
  }
}

TEST_F(Stream, DamageIsReportedAtItsWindow) {
  {
    const io::Cohort cohort(path_);
    const std::size_t voxels = cohort.voxels(3);  // scan 1 of the second shard, the second window of the source
    std::string bytes = test::read_file(directory_ / "b.h5");
    const std::uint64_t frames = io::Hdf5Reader(directory_ / "b.h5").locate("frames", io::half_type()).offset;
    bytes[frames + (kScanFrames + 4) * voxels * 2] ^= 1;
    test::write_file(directory_ / "b.h5", bytes);
  }
  const io::Cohort cohort(path_);
  for (const Unpack unpack : {Unpack::kLoader, Unpack::kDevice}) {
    for (const std::int64_t batch : {1, 2}) {
      WindowStream stream(cohort, source(8), windows_of(cohort, kFrames), 4, DType::kF32, unpack);
      if (batch == 1) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the failure is known when the first is taken
        stream.take(1);
      }
      for (int again = 0; again < 2; ++again)
        test::expect_error<DataError>([&] { stream.take(batch); }, {"sub-11", "frame 4"});
    }
  }
}

TEST_F(Stream, SteadyStepsAllocateNothing) {
  const io::Cohort cohort(path_);
  WindowStream stream(cohort, source(40), windows_of(cohort, kFrames), 2, DType::kBf16, Unpack::kDevice);
  stream.take(2);
  const std::size_t before = pool::statistics().system_calls;
  for (int i = 0; i < 15; ++i) stream.take(2);
  EXPECT_EQ(pool::statistics().system_calls, before);
}

// What a training step and a validation pass do: streams come and go, with windows on the way.
TEST_F(Stream, ModelsOfOtherInputsAreRefused) {
  const io::Cohort voxels(path_);
  EXPECT_NO_THROW(check_input("brainmt", models::InputKind::kVolumes, voxels));
  test::expect_error<UsageError>([&] { check_input("brainnetcnn", models::InputKind::kConnectivity, voxels); },
                                 {"brainnetcnn takes connectivity", "holds volumes", "model=brainmt"});
  io::test::write_small_parcels(MPI_COMM_SELF, directory_ / "parcels.h5");
  const io::Cohort parcels(directory_ / "parcels.h5");
  test::expect_error<UsageError>([&] { check_input("brainmt", models::InputKind::kVolumes, parcels); },
                                 {"brainmt takes volumes", "parcels.h5' holds parcels", "brainmt prepare"});
}

TEST_F(Stream, MayBeLeftAtAnyTime) {
  const io::Cohort cohort(path_);
  for (int taken = 0; taken < 5; ++taken) {
    WindowStream stream(cohort, source(30), windows_of(cohort, kFrames), 3, DType::kF32, Unpack::kDevice);
    for (int i = 0; i < taken; ++i) stream.take(1);
  }
}

}  // namespace
}  // namespace brainmt::task
