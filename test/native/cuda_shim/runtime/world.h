// The state behind the emulated runtime: what the cards were asked and have not done, what memory there is.
#pragma once
#include <cuda_runtime_api.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "control.h"

namespace switchyard::cuda_shim {

// Something a card is to do. It may be done as soon as all that it comes after is, and no sooner; in which order steps
// are done that don't come after each other nobody knows.
struct Step {
  std::vector<std::shared_ptr<Step>> after;
  std::function<void()> what;   // null: it is there for the order alone
  const void* chain = nullptr;  // its stream: one of them is ahead of the others for a while
  bool isHeld = false, isDone = false;
  bool isWork = true;  // something that takes a card time
  uint64_t time = 0;   // when it was done
  std::chrono::steady_clock::time_point notBefore{};
};
using StepPtr = std::shared_ptr<Step>;

struct StreamState {
  int card = 0;
  StepPtr last;  // null: nothing was asked
};
struct EventState {
  int card = 0;
  bool hasTime = true;
  StepPtr record;
};
struct PoolState {
  int card = 0;
  uint64_t reserved = 0, used = 0, threshold = 0;
  bool isDestroyed = false;
};

enum class MemoryKind { Device, Pooled, Host, Registered };
struct Block {
  MemoryKind kind = MemoryKind::Device;
  size_t bytes = 0;
  int card = 0;
  PoolState* pool = nullptr;
  // Of a pool, that may give it out again: the step of its cudaFreeAsync, on which stream, and whether it was done.
  StepPtr freed = nullptr;
  const void* freedOn = nullptr;
  bool isFree = false;
  uint64_t frees = 0;
};

// A launch with its arguments copied, as the runtime copies them.
struct Launch {
  const void* function = nullptr;
  dim3 grid, block;
  std::vector<std::vector<std::byte>> arguments;
  void run() const;
};

// One for the process: a test looks at it as a whole. All of it under `mutex`.
class World {
 public:
  static World& get();
  std::mutex mutex;

  // Adds a step behind what `stream` was asked for, and `after`.
  StepPtr ask(StreamState& stream, std::function<void()> what, std::vector<StepPtr> after = {});
  StepPtr add(const void* chain, std::function<void()> what, std::vector<StepPtr> after);
  bool runOne();                       // false: nothing may be done
  void runSome();                      // as much as a card may have got done since it was asked the last time
  bool runUntil(const StepPtr& step);  // false: it would never be done
  bool runAll();
  static bool hasWork(const Step& step);  // it or what it comes after

  // Begins a call of the runtime by its name: what it is to fail with, where it is.
  cudaError_t begin(const char* call);
  cudaError_t end(cudaError_t status);  // remembers an error for cudaGetLastError
  void slow(const char* call);
  void violation(const std::string& text);

  Block* find(const void* at, size_t bytes, const std::byte** from = nullptr);
  void checkDevice(const void* at, size_t bytes, const char* what);  // that it may be used by a card now
  bool isPageLocked(const void* at, size_t bytes);
  uint64_t takenOf(int card) const;
  void dropPool(PoolState* pool);  // when nothing of it is left

  std::mt19937_64 random{1};
  std::vector<StepPtr> open;
  const void* ahead = nullptr;
  uint64_t clock = 0;
  cudaError_t sticky = cudaSuccess;
  std::chrono::milliseconds nextDelay{0};
  std::string hangCall;  // "": none
  int hanging = 0;       // threads in such a call
  std::condition_variable_any released;
  bool holdsNext = false, isHolding = false, hasPools = true;
  uint64_t deviceBytes = uint64_t{1} << 30;
  int builtFor = 80;

  std::string faultCall;
  int faultIn = -1, fired = 0;
  cudaError_t faultError = cudaSuccess;
  bool faultSticks = false;
  std::map<std::string, uint64_t> calls;

  std::map<const std::byte*, Block> blocks;
  std::set<std::pair<int, const void*>> loaded;  // kernels on cards
  std::set<StreamState*> streams;
  std::set<EventState*> events;
  std::set<PoolState*> pools;
  int64_t graphs = 0, execs = 0;
  std::vector<SlowCall> slowCalls;
  std::vector<std::string> violations;

  static int& currentCard();

 private:
  bool mayRun(const Step& step) const;
};

StreamState& of(cudaStream_t stream);

}  // namespace switchyard::cuda_shim
