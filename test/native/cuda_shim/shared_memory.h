// The memory of one block in flight: what its variables of SWITCHYARD_SHARED are.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

namespace switchyard::cuda_shim {

class SharedMemory {
 public:
  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void clear();  // of the next block
  // Null where there is no room for it.
  void* of(const void* place, size_t bytes, size_t alignment);
  bool holds(const void* at) const;

 private:
  struct Variable {
    const void* place;
    std::byte* at;
  };
  std::vector<Variable> variables_;
  std::byte* memory_;
  size_t used_ = 0, asked_ = 0;
};

}  // namespace switchyard::cuda_shim
