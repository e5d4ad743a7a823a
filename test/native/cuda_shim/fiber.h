// A stack to switch to and back: what the emulated threads of a block run on. Sanitizers are told of each switch.
#pragma once
#include <cstddef>
#include <memory>

namespace switchyard::cuda_shim {

class Fiber {
 public:
  static constexpr size_t kStackBytes = 64 * 1024;
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // to be entered by the next resume(); a fiber may be started again when done
  void start(void (*entry)(void*), void* argument);
  void resume();        // runs it until it yields or ends; called from outside any fiber
  static void yield();  // back to the resume() that runs this fiber
  bool done() const;
  bool holds(const void* at) const;  // on its stack

 private:
  struct State;
  std::unique_ptr<State> state_;
  static void run(State& state);
  friend void fiberMain();
};

}  // namespace switchyard::cuda_shim
