// Runs commands. Nothing is timed: a job has run when it has been recorded, so its context knows what it took, and two
// looks at the clock for each command would cost as much as a small kernel. The table below names every kernel: one
// without a function does not link.
#include "cpu/queue.h"

#include <cstring>
#include <string>

#include "cpu/kernels.h"
#include "cpu/matmul.h"

namespace switchyard::cpu {
namespace {

struct Entry {
  void (*run)(const Call& call);  // null for kernels of other backends
  size_t buffers, paramsBytes;
};

#define SWITCHYARD_CPU_All(name) kernels::name
#define SWITCHYARD_CPU_Cpu(name) kernels::name
#define SWITCHYARD_CPU_Gpu(name) nullptr
constexpr Entry kTable[] = {
#define KERNEL(name, unit, buffers, outputs, params, where) {SWITCHYARD_CPU_##where(name), buffers, sizeof(params)},
#include "kernels.def"
#undef KERNEL
};
static_assert(std::size(kTable) == static_cast<size_t>(Kernel::kCount));

}  // namespace

CpuQueue::CpuQueue(const QueueOptions& options) {
  budget_.threads = options.threads ? std::min(options.threads, usableCpus()) : usableCpus();
}

void CpuQueue::upload(BufferView dst, std::span<const std::byte> src) {
  if (src.size() > dst.size)
    throw Error(Code::Internal,
                "upload of " + std::to_string(src.size()) + " bytes into a view of " + std::to_string(dst.size));
  copyBytes(budget_, dst.host(), src.data(), src.size());
}

void CpuQueue::download(std::span<std::byte> dst, BufferView src) {
  if (dst.size() > src.size)
    throw Error(Code::Internal,
                "download of " + std::to_string(dst.size()) + " bytes from a view of " + std::to_string(src.size));
  copyBytes(budget_, dst.data(), src.host(), dst.size());
}

void CpuQueue::copy(BufferView dst, BufferView src) { copyBytes(budget_, dst.host(), src.host(), src.size); }

void CpuQueue::fill(BufferView dst, uint32_t word) { fillWords(budget_, dst.host<uint32_t>(), word, dst.size / 4); }

void CpuQueue::launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
                      std::span<const std::byte> params) {
  const Entry& entry = kTable[static_cast<size_t>(kernel)];
  if (!entry.run) throw Error(Code::Internal, std::string("kernel ") + kernelName(kernel) + " does not run on the CPU");
  if (views.size() != entry.buffers || params.size() != entry.paramsBytes)
    throw Error(Code::Internal, std::string("kernel ") + kernelName(kernel) +
                                    " was given the wrong number of views or bytes of parameters");
  if (count == 0) return;
  entry.run({count, views, params.data(), budget_});
}

void CpuQueue::matmul(const Matmul& op) { cpu::matmul(op, budget_); }

void CpuQueue::submit(Completion done) { done(nullptr, {}); }

}  // namespace switchyard::cpu
