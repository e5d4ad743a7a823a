// Where cards are, read from trees of files that were made up.
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "harness.h"
#include "topology.h"

namespace switchyard::test {
namespace {

namespace fs = std::filesystem;

// Two sockets with four cards, as /sys shows them: the devices are links into a tree of buses.
class Machine : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "switchyard-sys-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
  }
  void TearDown() override { fs::remove_all(root); }
  void write(const fs::path& path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  void node(int number, const std::string& cpus) {
    write("devices/system/node/node" + std::to_string(number) + "/cpulist", cpus + "\n");
  }
  void card(const std::string& id, const std::string& node) {
    write("devices/pci0000:00/" + id + "/numa_node", node);
    fs::create_directories(root / "bus/pci/devices");
    fs::create_symlink("../../../devices/pci0000:00/" + id, root / "bus/pci/devices" / id);
  }
  DeviceInfo locate(const std::string& id) {
    DeviceInfo info;
    locateCard(info, id, root.string());
    return info;
  }
  int nodeOf(std::initializer_list<uint32_t> cpus) { return nodeOfCpus(cpus, root.string()); }
  fs::path root;
};

TEST_F(Machine, TwoSocketsAndFourCards) {
  node(0, "0-15,32-47");
  node(1, "16-31,48-63");
  write("devices/system/node/possible", "0-1\n");
  card("0000:17:00.0", "0\n");
  card("0000:65:00.0", "0\n");
  card("0000:ca:00.0", "1\n");
  card("0001:e3:00.0", "1\n");
  // as NVML, CUDA and Vulkan write them
  for (const auto& [id, file, place] :
       {std::tuple{"00000000:17:00.0", "0000:17:00.0", 0}, std::tuple{"0000:65:00.0", "0000:65:00.0", 0},
        std::tuple{"0000:CA:00.0", "0000:ca:00.0", 1}, std::tuple{"00000001:E3:00.0", "0001:e3:00.0", 1}}) {
    const DeviceInfo info = locate(id);
    EXPECT_EQ(info.pciBusId, file);
    EXPECT_EQ(info.numaNode, place) << id;
    EXPECT_EQ(info.numaCpus, place ? "16-31,48-63" : "0-15,32-47") << id;
  }
  EXPECT_EQ(nodeOf({0, 1, 47}), 0);
  EXPECT_EQ(nodeOf({63}), 1);
  EXPECT_EQ(nodeOf({15, 16}), -1) << "bound to no node";
  EXPECT_EQ(nodeOf({64}), -1);
  EXPECT_EQ(nodeOf({}), -1);
  std::vector<uint32_t> all(64);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(nodeOfCpus(all, root.string()), -1);
}

TEST_F(Machine, NothingToBeNearToWhereThereIsOneNode) {
  node(0, "0-7");
  write("devices/system/node/node1/cpulist", "\n");  // memory alone
  EXPECT_EQ(nodeOf({0, 1}), -1);
  node(1, "8-9");
  EXPECT_EQ(nodeOf({0, 1}), 0);
}

TEST_F(Machine, AThreadIsWhereItsProcessorsAre) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  std::vector<uint32_t> all;
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) all.push_back(cpu);
  std::string rest = "4000";
  for (size_t i = 1; i < all.size(); ++i) rest += "," + std::to_string(all[i]);
  node(3, std::to_string(all[0]));
  node(5, rest);
  EXPECT_EQ(nodeOfThisThread(root.string()), all.size() > 1 ? -1 : 3);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(all[0], &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(nodeOfThisThread(root.string()), 3);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(nodeOfThisThread((root / "missing").string()), -1);
}

TEST_F(Machine, WhatIsNotKnown) {
  node(0, "0-3");
  node(1, "4-7");
  card("0000:01:00.0", "-1\n");
  card("0000:02:00.0", "");
  card("0000:03:00.0", "one\n");
  card("0000:04:00.0", "0x1\n");
  card("0000:05:00.0", "99999999999999\n");
  card("0000:06:00.0", "1");                                                // no line's end
  card("0000:07:00.0", "7\n");                                              // a node of which nothing is told
  fs::create_directories(root / "bus/pci/devices/0000:08:00.0/numa_node");  // a folder
  fs::create_symlink("0000:0a:00.0", root / "bus/pci/devices/0000:09:00.0");
  fs::create_symlink("0000:09:00.0", root / "bus/pci/devices/0000:0a:00.0");  // around in a circle
  fs::create_symlink("nowhere", root / "bus/pci/devices/0000:0b:00.0");
  for (const char* slot : {"01", "02", "03", "04", "05", "08", "09", "0a", "0b", "0c"}) {
    const DeviceInfo info = locate(std::string("0000:") + slot + ":00.0");
    EXPECT_EQ(info.numaNode, -1) << slot;
    EXPECT_EQ(info.numaCpus, "") << slot;
    EXPECT_EQ(info.pciBusId, std::string("0000:") + slot + ":00.0");
  }
  EXPECT_EQ(locate("0000:06:00.0").numaNode, 1);
  EXPECT_EQ(locate("0000:07:00.0").numaNode, 7);
  EXPECT_EQ(locate("0000:07:00.0").numaCpus, "");
  EXPECT_EQ(nodeOfCpus({1}, (root / "missing").string()), -1);
  fs::create_directory_symlink("node0", root / "devices/system/node/node00");
  fs::create_directory_symlink("node9", root / "devices/system/node/node9");
  EXPECT_EQ(nodeOf({5}), 1);
}

TEST_F(Machine, NamesThatAreNoPlaceOnABusReadNoFile) {
  write("bus/pci/devices/numa_node", "1\n");
  write("numa_node", "1\n");
  for (const char* text : {"", ".", "..", "../../..", "0000:17:00", "0000:17:00.0/..", "000:17:00.0", "0000:17:0g.0",
                           "0000:17:00:0", "0000-17-00.0", "000000000:17:00.0", " 0000:17:00.0", "0000:17:00.0\n"}) {
    EXPECT_EQ(pciBusIdOf(text), "") << text;
    EXPECT_EQ(locate(text).numaNode, -1) << text;
  }
}

TEST(CpuLists, AreReadWholeOrNotAtAll) {
  EXPECT_EQ(readCpuList("0-2,8"), (std::vector<uint32_t>{0, 1, 2, 8}));
  EXPECT_EQ(readCpuList("9,1-1"), (std::vector<uint32_t>{1, 9}));
  EXPECT_EQ(readCpuList("5"), (std::vector<uint32_t>{5}));
  for (const char* text : {"", "-1", "a", "3-1", "0-", "-", "0,,1", "0-99999999", "0 1", "1-2-3"})
    EXPECT_TRUE(readCpuList(text).empty()) << text;
}

TEST(Nvlinks, AreAddedToWhatIsKnownOfCudasCardsAlone) {
  std::vector<DeviceInfo> devices(4);
  const char* ids[] = {"cuda:0", "cuda:1", "cuda:2", "vulkan:0"};
  for (size_t i = 0; i < devices.size(); ++i) {
    devices[i].id = ids[i];
    devices[i].backend = i < 3 ? Backend::Cuda : Backend::Vulkan;
    devices[i].uuid = i % 2 ? "odd" : "even";
  }
  devices[0].links = {{.device = "cuda:1", .peer = true}};
  addNvlinks(devices, [](const DeviceInfo& a, const DeviceInfo& b) { return a.uuid == b.uuid; });
  ASSERT_EQ(devices[0].links.size(), 2u);
  EXPECT_FALSE(devices[0].links[0].nvlink);
  EXPECT_EQ(devices[0].links[1].device, "cuda:2");
  EXPECT_TRUE(devices[0].links[1].nvlink);
  EXPECT_FALSE(devices[0].links[1].peer);
  ASSERT_EQ(devices[2].links.size(), 1u);
  EXPECT_EQ(devices[2].links[0].device, "cuda:0");
  EXPECT_TRUE(devices[1].links.empty());
  EXPECT_TRUE(devices[3].links.empty());
}

TEST(Devices, SayWhereTheyAreAsFarAsIsKnown) {
  for (const DeviceInfo& info : foundDevices().devices) {
    EXPECT_EQ(pciBusIdOf(info.pciBusId), info.pciBusId) << info.id;
    if (info.type == DeviceType::Cpu) {
      EXPECT_EQ(info.pciBusId, "") << info.id;
      EXPECT_EQ(info.numaNode, -1) << info.id;
    }
    for (const DeviceLink& link : info.links) {
      EXPECT_NE(link.device, info.id);
      EXPECT_TRUE(link.nvlink || link.peer) << info.id << ' ' << link.device;
    }
  }
}

}  // namespace
}  // namespace switchyard::test
