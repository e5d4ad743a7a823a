// Which CUDA cards are here, and if none, why. Opens no card: no context, no memory on it.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "../device.h"
#include "../nvml.h"
#include "../topology.h"
#include "cublaslt.h"

namespace switchyard::cuda {
namespace {

constexpr int kOldestDriver = 13000;  // what CUDA 13 needs: driver branch 580
constexpr int kOldestCapability = 75;

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// "580.65.06" as the kernel module gives it, or empty.
std::string kernelDriverVersion() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  std::getline(file, line);
  std::istringstream words(line);
  for (std::string word; words >> word;)
    if (word.find_first_not_of("0123456789.") == std::string::npos && word.find('.') != std::string::npos) return word;
  return {};
}

std::string uuidText(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (int i = 0; i < 16; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(uuid.bytes[i]));
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits;
  }
  return text;
}

void problem(Enumeration& into, std::string reason, std::string detail, std::string remedy) {
  into.problems.push_back({Backend::Cuda, std::move(reason), std::move(detail), std::move(remedy)});
}

// The number of cards; 0 with a problem noted when there is none to use.
int countDevices(Enumeration& into, int& driver) {
  const cudaError_t versionStatus = cudaDriverGetVersion(&driver);
  if (versionStatus != cudaSuccess || driver == 0) {
    cudaGetLastError();
    problem(
        into, "no driver", "libcuda.so.1, which NVIDIA's driver installs, was not found or does not answer",
        "install NVIDIA's driver, branch 580 or newer; in a container, start it with the NVIDIA runtime (--gpus all)");
    return 0;
  }
  const std::string kernel = kernelDriverVersion();
  if (driver < kOldestDriver) {
    problem(into, "driver too old",
            "the driver" + (kernel.empty() ? std::string() : " " + kernel) + " supports CUDA " + versionText(driver) +
                ", this build needs 13.0",
            "install NVIDIA's driver, branch 580 or newer");
    return 0;
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return count;
  cudaGetLastError();
  if (status == cudaSuccess || status == cudaErrorNoDevice)
    problem(into, "no device", "the driver answers but shows no card",
            "check CUDA_VISIBLE_DEVICES, and that nvidia-smi lists the card");
  else
    problem(into, "driver not usable", std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status),
            "check that nvidia-smi works; a reboot is needed after a driver update");
  return 0;
}

DeviceInfo describe(int ordinal, const cudaDeviceProp& prop, int driver) {
  DeviceInfo info;
  info.id = "cuda:" + std::to_string(ordinal);
  info.backend = Backend::Cuda;
  info.index = uint32_t(ordinal);
  info.name = prop.name;
  info.uuid = uuidText(prop.uuid);
  info.vendor = "NVIDIA";
  info.driver = kernelDriverVersion();
  if (info.driver.empty()) info.driver = "CUDA " + versionText(driver);
  info.apiVersion = versionText(driver);
  info.computeCapability = static_cast<uint32_t>(prop.major * 10 + prop.minor);
  info.type = prop.integrated ? DeviceType::Integrated : DeviceType::Discrete;
  info.memory = {prop.totalGlobalMem, prop.totalGlobalMem};  // what is free is known only once the card is open
  info.computeUnits = uint32_t(prop.multiProcessorCount);
  info.features.float16 = info.features.int8 = info.features.subgroups = info.features.cooperativeMatrix = true;
  char busId[32] = "";
  if (cudaDeviceGetPCIBusId(busId, sizeof busId, ordinal) == cudaSuccess)
    locateCard(info, busId);
  else
    cudaGetLastError();
  return info;
}

// Asks of cards, not of contexts on them: this opens none.
void addPeers(std::vector<DeviceInfo>& devices) {
  for (DeviceInfo& from : devices)
    for (const DeviceInfo& to : devices) {
      int can = 0;
      if (from.index == to.index) continue;
      if (cudaDeviceCanAccessPeer(&can, int(from.index), int(to.index)) != cudaSuccess) cudaGetLastError(), can = 0;
      if (can) from.links.push_back({.device = to.id, .peer = true});
    }
}

void enumerateCards(Enumeration& into) {
  int driver = 0;
  const int count = countDevices(into, driver);
  const std::string warning = count > 0 ? cublasLtWarning() : std::string();
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    cudaDeviceProp prop{};
    const cudaError_t status = cudaGetDeviceProperties(&prop, ordinal);
    if (status != cudaSuccess) {
      cudaGetLastError();
      problem(into, "device not usable", "cuda:" + std::to_string(ordinal) + ": " + cudaGetErrorString(status),
              "check the card with nvidia-smi");
    } else if (prop.major * 10 + prop.minor < kOldestCapability) {
      problem(into, "compute capability below 7.5",
              "cuda:" + std::to_string(ordinal) + " (" + prop.name + ") has " + std::to_string(prop.major) + "." +
                  std::to_string(prop.minor),
              "use a card of the Turing generation (2018) or newer; CUDA 13 dropped older ones");
    } else {
      into.devices.push_back(describe(ordinal, prop, driver));
      into.devices.back().warning = warning;
    }
  }
  addPeers(into.devices);
  addNvlinks(into.devices, [](const DeviceInfo& a, const DeviceInfo& b) { return areJoinedByNvlink(a.uuid, b.uuid); });
}

// Streams beyond the driver's default of 8 connections share one, and work that has nothing to do with each other then
// waits for it: three streams a queue are more from the third context on. Read by the driver at its first call.
void askForConnections() {
  static const int asked = setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  static_cast<void>(asked);
}

}  // namespace

void enumerate(Enumeration& into) {
  try {
    askForConnections();
    enumerateCards(into);
  } catch (const std::exception& e) {
    problem(into, "driver not usable", e.what(), "check that nvidia-smi works");
  }
}

}  // namespace switchyard::cuda
