// The test program: GoogleTest, the Vulkan validation check, and the report on one device.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <iostream>

#include "harness.h"
#include "options.h"
#include "report.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// What a driver does is suppressed by the name of its library, which the sanitizers do not know any more once it is
// unloaded.
extern "C" __attribute__((visibility("default"))) int dlclose(void*) noexcept { return 0; }
#endif

namespace switchyard::vulkan {
uint64_t validationMessages() noexcept;
}

namespace switchyard::test {

Options& options() {
  static Options parsed;
  return parsed;
}

namespace {

// After everything: devices go before the static objects, and the validation layer must have had nothing to say.
class AtTheEnd : public ::testing::Environment {
 public:
  void TearDown() override {
    holdCpuTo(0);
    releaseDevices();
    if (std::getenv("SWITCHYARD_VULKAN_VALIDATION")) {
      EXPECT_EQ(vulkan::validationMessages(), 0u) << "the Vulkan validation layer complained: see its messages above";
      bool any = false;
      for (const DeviceInfo& info : foundDevices().devices) any |= info.backend == Backend::Vulkan;
      EXPECT_TRUE(any)
          << "validation was asked for, but there is no Vulkan device to validate (is the layer installed?)";
    }
  }
};

void parse(int& argc, char** argv) {
  const char* const full = std::getenv("SWITCHYARD_TEST_FULL");
  options().full = full && !std::strcmp(full, "1");
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (!std::strcmp(argv[i], "--device"))
      options().device = value();
    else if (!std::strcmp(argv[i], "--json"))
      options().json = value();
    else if (!std::strcmp(argv[i], "--seed"))
      options().seed = std::strtoull(value().c_str(), nullptr, 10);
    else if (!std::strcmp(argv[i], "--cases"))
      options().cases = std::strtoull(value().c_str(), nullptr, 10);
    else if (!std::strcmp(argv[i], "--seeds"))
      options().seeds = std::strtoull(value().c_str(), nullptr, 10);
    else if (!std::strcmp(argv[i], "--first-seed"))
      options().firstSeed = std::strtoull(value().c_str(), nullptr, 10);
    else if (!std::strcmp(argv[i], "--interleave-every"))
      options().interleaveEvery = std::max<uint64_t>(1, std::strtoull(value().c_str(), nullptr, 10));
    else if (!std::strcmp(argv[i], "--watched"))
      options().watched = true;
    else if (!std::strcmp(argv[i], "--case"))
      options().onlyCase = std::strtoll(value().c_str(), nullptr, 10);
    else if (!std::strcmp(argv[i], "--share"))
      options().share = std::max<uint64_t>(1, std::strtoull(value().c_str(), nullptr, 10));
    else if (!std::strcmp(argv[i], "--parts"))
      options().parts = std::max<uint64_t>(1, std::strtoull(value().c_str(), nullptr, 10));
    else if (!std::strcmp(argv[i], "--part"))
      options().part = std::strtoull(value().c_str(), nullptr, 10);
    else if (!std::strcmp(argv[i], "--skip-first"))
      options().skipFirst = std::strtoull(value().c_str(), nullptr, 10);
    else if (!std::strcmp(argv[i], "--stop-when-lost"))
      options().stopWhenLost = true;
    else if (!std::strcmp(argv[i], "--rare-rows"))
      options().rareRows = true;
    else if (!std::strcmp(argv[i], "--list-devices"))
      options().listDevices = true;
    else
      argv[kept++] = argv[i];
  }
  argc = kept;
}

}  // namespace
}  // namespace switchyard::test

int main(int argc, char** argv) {
  using namespace switchyard::test;
  ::testing::InitGoogleTest(&argc, argv);
  parse(argc, argv);
  if (argc > 1) {
    std::cerr << "unknown argument " << argv[1] << "\n";
    return 2;
  }
  if (options().listDevices) {
    std::cout << devicesJson() << "\n";
    return 0;
  }
  if (!options().device.empty()) {
    bool found = false;
    for (const TestDevice& device : testDevices()) found |= device.id == options().device;
    if (!found) {
      std::cerr << "no device " << options().device << " here\n";
      return 2;
    }
    if (::testing::GTEST_FLAG(filter) == "*")
      ::testing::GTEST_FLAG(filter) =
          options().device.starts_with("cuda") ? "conformance.*:CublasLt.*" : "conformance.*";
  }
  registerConformance();
  registerFaults();
  registerMagnitudes();
  registerRareRows();
  ::testing::AddGlobalTestEnvironment(new AtTheEnd);
  if (!options().json.empty()) ::testing::UnitTest::GetInstance()->listeners().Append(makeReport(options().json));
  return RUN_ALL_TESTS();
}
