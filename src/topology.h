// Where cards and processors are in a machine, as the system's files say. `system` is where those begin: "/sys".
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "device.h"

namespace switchyard {

// "0000:3b:00.0" as the files have it; empty where `text` names no place on a PCI bus.
std::string pciBusIdOf(const std::string& text);

// Writes where the card at this place of the PCI bus is into `info`: numaNode and numaCpus stay as they are where the
// system doesn't know.
void locateCard(DeviceInfo& info, const std::string& pciBusId, const std::string& system = "/sys");

// "0-3,8" as numbers, in order; empty where it can't be read.
std::vector<uint32_t> readCpuList(const std::string& text);

// The one NUMA node, of several, whose processors include all of `cpus`; -1: they lie on more than one, that is not
// known, or there is but one.
int nodeOfCpus(const std::vector<uint32_t>& cpus, const std::string& system = "/sys");
// Of the processors that the calling thread may run on: -1 for one that isn't bound to a node.
int nodeOfThisThread(const std::string& system = "/sys");

// Of two devices, whether NVLink joins them.
using JoinsByNvlink = bool (*)(const DeviceInfo& a, const DeviceInfo& b);
// Adds to the links of CUDA's devices what NVML knows, which is asked only where there are two or more.
void addNvlinks(std::vector<DeviceInfo>& devices, JoinsByNvlink joins);

}  // namespace switchyard
