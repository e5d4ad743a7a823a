// Working memory of a kernel on one thread.
#pragma once
#include <cstddef>
#include <utility>

namespace switchyard::cpu {

// 64-byte aligned memory for the life of the object. A thread keeps a few megabytes between uses, larger pieces are
// returned at once. Throws OutOfMemory. To be destroyed on the thread that made it.
class Scratch {
 public:
  explicit Scratch(size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(memory_);
  }

 private:
  void* memory_;
  size_t bytes_;
  int slot_;  // the kept piece in use, or -1
};

// Whole pages for large sizes, on huge pages where the kernel has them; 64-byte aligned below. Null when there is none.
void* allocateMemory(size_t bytes) noexcept;
void freeMemory(void* memory, size_t bytes) noexcept;

}  // namespace switchyard::cpu
