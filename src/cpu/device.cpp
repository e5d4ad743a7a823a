// The CPU as a device: what is found, its memory, its queues.
#include <memory>
#include <cstdio>

#include "blas/blas.h"
#include "cpu/kernels.h"
#include "cpu/machine.h"
#include "cpu/queue.h"
#include "cpu/scratch.h"

namespace switchyard::cpu {
namespace {

class OwnedBuffer final : public Buffer {
 public:
  OwnedBuffer(std::byte* memory, size_t bytes, size_t allocated) : Buffer(bytes, memory), allocated_(allocated) {}
  ~OwnedBuffer() override { freeMemory(host, allocated_); }

 private:
  const size_t allocated_;
};

class BorrowedBuffer final : public Buffer {
 public:
  explicit BorrowedBuffer(std::span<std::byte> memory) : Buffer(memory.size(), memory.data()) {}
};

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(DeviceInfo info) : Device(std::move(info)) {}

  std::unique_ptr<Buffer> allocate(size_t bytes) override {
    // The kernel promises more memory than there is, and ends the process when it is touched: refuse what can't fit.
    void* const memory = bytes <= info.memory.totalBytes ? allocateMemory(bytes) : nullptr;
    if (!memory) throw Error(Code::OutOfMemory, "no " + std::to_string(bytes) + " bytes of host memory for " + info.id);
    return std::make_unique<OwnedBuffer>(static_cast<std::byte*>(memory), bytes, bytes);
  }
  std::unique_ptr<Buffer> wrap(std::span<std::byte> host) override { return std::make_unique<BorrowedBuffer>(host); }
  std::unique_ptr<Queue> createQueue(const QueueOptions& options) override {
    return std::make_unique<CpuQueue>(options);
  }
  MemoryUse memory() const override {
    const Memory memory = readMemory();
    return {memory.totalBytes, memory.freeBytes};
  }
};

// The same on every start: made of what identifies the processor, in the form of a version 8 UUID.
std::string processorUuid(const Processor& processor) {
  uint64_t high = 0xCBF29CE484222325u, low = 0x84222325CBF29CE4u;
  for (const char letter : processor.vendor + "/" + processor.name) {
    high = (high ^ static_cast<unsigned char>(letter)) * 0x100000001B3u;
    low = (low + static_cast<unsigned char>(letter)) * 0x100000001B3u ^ low >> 29;
  }
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-8%03x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xFFFF), static_cast<unsigned>(high & 0xFFF),
                static_cast<unsigned>(0x8000 | (low >> 48 & 0x3FFF)),
                static_cast<unsigned long long>(low & 0xFFFFFFFFFFFFu));
  return text;
}

}  // namespace

void enumerate(Enumeration& into) {
  const Processor processor = readProcessor();
  const Memory memory = readMemory();
  DeviceInfo info;
  info.id = "cpu:0";
  info.backend = Backend::Cpu;
  info.name = processor.name;
  info.uuid = processorUuid(processor);
  info.vendor = processor.vendor;
  info.driver = std::string("OpenBLAS 0.3.21 ") + openblas_get_corename();
  info.apiVersion = simdName();
  info.type = DeviceType::Cpu;
  info.memory = {memory.totalBytes, memory.freeBytes};
  info.computeUnits = usableCpus();
  info.features.float16 = info.features.int8 = info.features.externalHostMemory = true;
  into.devices.push_back(std::move(info));
}

std::shared_ptr<Device> open(const DeviceInfo& info) { return std::make_shared<CpuDevice>(info); }

}  // namespace switchyard::cpu
