// Recycled host memory for outputs: fresh memory costs more than most kernels, so blocks are kept and handed out again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

namespace switchyard {

// A block of host memory, returned to the pool when the last reference goes. 2 MB and more is aligned for huge pages,
// less to 4 KB; under kPooledBytes it is plain memory, 64-byte aligned.
struct HostBlock {
  std::byte* data = nullptr;
  size_t size = 0;      // as asked
  size_t capacity = 0;  // as it came from the system
  ~HostBlock();
  HostBlock(std::byte* data, size_t size, size_t capacity) : data(data), size(size), capacity(capacity) {}
  HostBlock(const HostBlock&) = delete;
  HostBlock& operator=(const HostBlock&) = delete;
};

class HostPool {
 public:
  static constexpr size_t kPooledBytes = 64 << 10;
  static HostPool& shared();  // never destroyed: blocks may outlive every owner of it

  std::shared_ptr<HostBlock> acquire(size_t bytes);  // throws OutOfMemory
  void trim();                                       // gives every unused block back to the system
  size_t unusedBytes() const;
  size_t usedBytes() const;

 private:
  friend struct HostBlock;
  HostPool() = default;
  struct State;
  State& state() const;
  void release(std::byte* data, size_t capacity) noexcept;
};

}  // namespace switchyard
