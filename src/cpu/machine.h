// What this machine gives the process: processor name, memory, as the kernel and the cgroup tell it.
#pragma once
#include <cstdint>
#include <string>

namespace switchyard::cpu {

struct Processor {
  std::string name, vendor;
};
Processor readProcessor();

struct Memory {
  uint64_t totalBytes = 0, freeBytes = 0;
};
// The machine's memory or the cgroup's limit, whichever is less.
Memory readMemory();

}  // namespace switchyard::cpu
