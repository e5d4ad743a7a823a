// Fibers by a hand-made switch on x86-64 (ucontext enters the kernel at every switch) and by ucontext elsewhere.
#include "fiber.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__x86_64__)
// Saves the callee's registers on the stack at hand, stores its pointer in *from, goes on at the one stored in `to`.
extern "C" void switchyardFiberSwitch(void** from, void* to);
asm(R"(
.text
.type switchyardFiberSwitch, @function
.globl switchyardFiberSwitch
.hidden switchyardFiberSwitch
switchyardFiberSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size switchyardFiberSwitch, .-switchyardFiberSwitch
)");
#endif

namespace switchyard::cuda_shim {

struct Fiber::State {
  std::byte* stack = nullptr;
  void (*entry)(void*) = nullptr;
  void* argument = nullptr;
  bool done = true, built = false;
#if defined(__x86_64__)
  void *self = nullptr, *outside = nullptr;
#else
  ucontext_t self{}, outside{};
#endif
#if defined(__SANITIZE_ADDRESS__)
  void *fakeSelf = nullptr, *fakeOutside = nullptr;
  const void* outsideStack = nullptr;
  size_t outsideBytes = 0;
#endif
#if defined(__SANITIZE_THREAD__)
  void *tsanSelf = nullptr, *tsanOutside = nullptr;
#endif
};

namespace {
constexpr size_t kPageBytes = 4096;
thread_local void* running = nullptr;  // the State of the fiber that this thread is in
}  // namespace

void fiberMain() { Fiber::run(*static_cast<Fiber::State*>(running)); }

Fiber::Fiber() : state_(std::make_unique<State>()) {
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) throw std::bad_alloc();
  mprotect(stack, kPageBytes, PROT_NONE);  // an overflow faults instead of running into a neighbour
  state_->stack = static_cast<std::byte*>(stack);
}

Fiber::~Fiber() {
#if defined(__SANITIZE_THREAD__)
  if (state_->tsanSelf) __tsan_destroy_fiber(state_->tsanSelf);
#endif
  munmap(state_->stack, kStackBytes);
}

bool Fiber::done() const { return state_->done; }

bool Fiber::holds(const void* at) const {
  const auto* byte = static_cast<const std::byte*>(at);
  return byte >= state_->stack && byte < state_->stack + kStackBytes;
}

void Fiber::start(void (*entry)(void*), void* argument) {
  State& s = *state_;
  const bool abandoned = !s.done;
  s.entry = entry, s.argument = argument, s.done = false;
  if (s.built && !abandoned) return;  // it waits in run() for its next entry
  s.built = true;
#if defined(__SANITIZE_ADDRESS__)
  s.fakeSelf = nullptr;
  __asan_unpoison_memory_region(s.stack + kPageBytes, kStackBytes - kPageBytes);
#endif
#if defined(__SANITIZE_THREAD__)
  if (s.tsanSelf) __tsan_destroy_fiber(s.tsanSelf);
  s.tsanSelf = __tsan_create_fiber(0);
#endif
#if defined(__x86_64__)
  // What the switch pops: six registers and the address to go to, which finds the stack aligned as after a call.
  void** words = reinterpret_cast<void**>(s.stack + kStackBytes) - 10;
  for (int i = 0; i < 10; ++i) words[i] = nullptr;
  words[6] = reinterpret_cast<void*>(&fiberMain);
  s.self = words;
#else
  getcontext(&s.self);
  s.self.uc_stack.ss_sp = s.stack;
  s.self.uc_stack.ss_size = kStackBytes;
  s.self.uc_link = nullptr;
  makecontext(&s.self, &fiberMain, 0);
#endif
}

void Fiber::resume() {
  State& s = *state_;
  running = &s;
#if defined(__SANITIZE_THREAD__)
  s.tsanOutside = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(s.tsanSelf, 0);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&s.fakeOutside, s.stack, kStackBytes);
#endif
#if defined(__x86_64__)
  switchyardFiberSwitch(&s.outside, s.self);
#else
  swapcontext(&s.outside, &s.self);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(s.fakeOutside, nullptr, nullptr);
#endif
  running = nullptr;
}

void Fiber::yield() {
  State& s = *static_cast<State*>(running);
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(s.tsanOutside, 0);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&s.fakeSelf, s.outsideStack, s.outsideBytes);
#endif
#if defined(__x86_64__)
  switchyardFiberSwitch(&s.self, s.outside);
#else
  swapcontext(&s.self, &s.outside);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(s.fakeSelf, &s.outsideStack, &s.outsideBytes);
#endif
}

void Fiber::run(State& s) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &s.outsideStack, &s.outsideBytes);
#endif
  for (;;) {
    s.entry(s.argument);
    s.done = true;
    yield();
  }
}

}  // namespace switchyard::cuda_shim
