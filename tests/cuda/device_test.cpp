// Which GPU a rank takes, and what it is told when there is none: decisions on made-up machines, and the real one.
#include "cuda/device.hpp"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

namespace brainmt::cuda {
namespace {

DeviceInfo hopper(const std::string& uuid) { return {"NVIDIA H100", 9, 0, std::size_t{80} << 30, 132, uuid}; }

Machine machine_with(std::vector<DeviceInfo> devices) {
  Machine m;
  m.driver = 13000;
  m.runtime = 13000;
  m.cudnn = 91900;
  m.cublas = 130100;
  m.devices = std::move(devices);
  return m;
}

template <class Function>
std::string usage_error(Function&& function) {
  try {
    function();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no UsageError";
}

std::string refusal(const Machine& machine) {
  return usage_error([&] { (void)device_for(machine, 0); });
}

TEST(DeviceChoice, FollowsTheLocalRankWhenTheNodesDevicesAreVisible) {
  const Machine m = machine_with({hopper("a"), hopper("b"), hopper("c"), hopper("d")});
  for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(device_for(m, rank), rank);
}

TEST(DeviceChoice, IsTheOnlyDeviceThatTheLauncherShows) { EXPECT_EQ(device_for(machine_with({hopper("d")}), 3), 0); }

TEST(DeviceChoice, RefusesAMachineWithoutDriver) {
  Machine m = machine_with({});
  m.driver = 0;
  m.status = cudaErrorInsufficientDriver;
  EXPECT_NE(refusal(m).find("no NVIDIA driver"), std::string::npos) << refusal(m);
}

TEST(DeviceChoice, RefusesADriverOfAnOlderMajorVersionAndTakesAnOlderMinorOne) {
  Machine m = machine_with({hopper("a")});
  m.driver = 12080;
  EXPECT_NE(refusal(m).find("supports CUDA 12.8, this program was built with 13.0"), std::string::npos) << refusal(m);
  m.driver = 13000;
  m.runtime = 13010;
  EXPECT_EQ(device_for(m, 0), 0);
}

TEST(DeviceChoice, RefusesAMachineWhoseDevicesAreHidden) {
  Machine m = machine_with({});
  m.status = cudaErrorNoDevice;
  EXPECT_NE(refusal(m).find("CUDA_VISIBLE_DEVICES"), std::string::npos) << refusal(m);
}

TEST(DeviceChoice, RefusesOldDevicesAndOldCudnn) {
  Machine m = machine_with({{"Tesla T4", 7, 5, std::size_t{16} << 30, 40, "t"}});
  EXPECT_NE(refusal(m).find("compute capability 7.5, 8.0 or newer"), std::string::npos) << refusal(m);
  m = machine_with({hopper("a")});
  m.cudnn = 91002;
  EXPECT_NE(refusal(m).find("cuDNN 9.10.2 was found, 9.15.0 or newer"), std::string::npos) << refusal(m);
}

TEST(DeviceSharing, IsNoticedOnOneHostOnly) {
  EXPECT_NO_THROW(check_unshared({}));
  EXPECT_NO_THROW(check_unshared({{0, "n1", "a"}, {1, "n1", "b"}, {2, "n2", "a"}}));
  const std::string text = usage_error([] {
    check_unshared({{0, "n1", "a"}, {1, "n1", "b"}, {2, "n2", "c"}, {3, "n2", "d"}, {4, "n2", "c"}});
  });
  EXPECT_NE(text.find("ranks 2 and 4 on n2 would share c: 3 ranks use 2 GPU(s) there"), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(DeviceDescription, NamesDevicesAndVersions) {
  const auto lines = describe(machine_with({hopper("a")}));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "GPU 0: NVIDIA H100, sm_90, 132 multiprocessors, 80.0 GiB");
  EXPECT_EQ(lines[1], "driver CUDA 13.0, run time CUDA 13.0, cuDNN 9.19.0, cuBLASLt 13.1.0");
}

// On any machine: the libraries load and say who they are; with no device there is a reason, not a crash.
TEST(ThisMachine, HasUsableLibraries) {
  const Machine m = query();
  EXPECT_GE(m.runtime, 12000);
  EXPECT_GE(m.cudnn, kOldestCudnn);
  EXPECT_GE(m.cublas, 120000u);
  EXPECT_FALSE(describe(m).empty());
  if (m.devices.empty())
    EXPECT_NE(refusal(m), "no UsageError");
  else
    EXPECT_FALSE(m.devices[0].uuid.empty());
}

TEST(Suggestions, DependOnTheDevicesKindAndTheLibrariesOnly) {
  Machine m = machine_with({hopper("a"), hopper("b")});
  EXPECT_EQ(suggestions_of(m, 0), suggestions_of(m, 1));
  EXPECT_EQ(suggestions_of(m, 0), "NVIDIA H100 (sm_90 x 132), cuDNN 9.19.0, cuBLASLt 13.1.0");
  const std::string before = suggestions_of(m, 0);
  m.driver = 13010;
  m.devices[0].memory_bytes -= 1 << 20;  // what the driver keeps for itself differs a little
  EXPECT_EQ(suggestions_of(m, 0), before);
  m.cublas = 130101;
  EXPECT_NE(suggestions_of(m, 0), before);
}

}  // namespace
}  // namespace brainmt::cuda
