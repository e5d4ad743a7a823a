// Steps in a random order that their dependencies allow, from a seed; faults; what a test is told.
#include "world.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "../launches.h"

namespace switchyard::cuda_shim {

World& World::get() {
  static World* const world = new World;  // threads of drivers outlive statics
  return *world;
}

int& World::currentCard() {
  static thread_local int card = kFirstShimCard;
  return card;
}

void Launch::run() const {
  std::vector<void*> pointers;
  for (const auto& argument : arguments) pointers.push_back(const_cast<std::byte*>(argument.data()));
  runLaunch(function, block.x, grid.x, grid.y, pointers.data());
}

// ---- steps

bool World::mayRun(const Step& step) const {
  if (step.isHeld && isHolding) return false;
  if (step.notBefore > std::chrono::steady_clock::now()) return false;
  return std::all_of(step.after.begin(), step.after.end(), [](const StepPtr& before) { return before->isDone; });
}

StepPtr World::add(const void* chain, std::function<void()> what, std::vector<StepPtr> after) {
  auto step = std::make_shared<Step>();
  std::erase_if(after, [](const StepPtr& before) { return !before || before->isDone; });
  step->after = std::move(after), step->what = std::move(what), step->chain = chain;
  open.push_back(step);
  return step;
}

StepPtr World::ask(StreamState& stream, std::function<void()> what, std::vector<StepPtr> after) {
  after.push_back(stream.last);
  return stream.last = add(&stream, std::move(what), std::move(after));
}

bool World::runOne() {
  std::vector<size_t> ready, first;
  for (size_t i = 0; i < open.size(); ++i) {
    if (!mayRun(*open[i])) continue;
    ready.push_back(i);
    if (open[i]->chain == ahead) first.push_back(i);
  }
  if (ready.empty()) return false;
  const auto& from = !first.empty() && random() % 5 ? first : ready;
  const size_t at = from[random() % from.size()];
  const StepPtr step = open[at];
  open.erase(open.begin() + ptrdiff_t(at));
  ahead = step->chain;
  if (step->what && sticky == cudaSuccess) {
    try {
      step->what();
    } catch (const std::exception& error) {
      violation(error.what());
      sticky = cudaErrorLaunchFailure;
    }
  }
  step->isDone = true;
  step->time = ++clock;
  step->after.clear(), step->what = nullptr;
  return true;
}

void World::runSome() {
  for (uint64_t left = random() % 16 + 1; left && runOne(); --left) {}
}

bool World::runUntil(const StepPtr& step) {
  while (step && !step->isDone)
    if (!runOne()) return false;
  return true;
}

bool World::hasWork(const Step& step) {
  if (step.isDone) return false;
  return (step.isWork && step.what) ||
         std::any_of(step.after.begin(), step.after.end(), [](const StepPtr& before) { return hasWork(*before); });
}

bool World::runAll() {
  while (runOne()) {}
  return open.empty();
}

// ---- calls

cudaError_t World::begin(const char* call) {
  ++calls[call];
  if (sticky != cudaSuccess) return end(sticky);
  if (faultIn < 0 || (faultCall != call && (faultCall != "*" || !std::strcmp(call, "kernel")))) return cudaSuccess;
  if (faultIn-- > 0) return cudaSuccess;
  ++fired;
  if (faultSticks) sticky = faultError;
  return end(faultError);
}

static thread_local cudaError_t lastError = cudaSuccess;

cudaError_t World::end(cudaError_t status) {
  if (status != cudaSuccess && status != cudaErrorNotReady) lastError = status;
  return status;
}

void World::slow(const char* call) {
  char name[32] = "";
  pthread_getname_np(pthread_self(), name, sizeof name);
  slowCalls.push_back({call, name, std::this_thread::get_id()});
  if (hangCall != call) return;
  ++hanging;
  while (!hangCall.empty()) released.wait(mutex);  // its caller holds it
  --hanging;
}

void World::violation(const std::string& text) { violations.push_back(text); }

// ---- memory

Block* World::find(const void* at, size_t bytes, const std::byte** from) {
  const auto* begin = static_cast<const std::byte*>(at);
  auto next = blocks.upper_bound(begin);
  if (next == blocks.begin()) return nullptr;
  auto& [start, block] = *std::prev(next);
  if (begin + bytes > start + block.bytes) return nullptr;
  if (from) *from = start;
  return &block;
}

void World::checkDevice(const void* at, size_t bytes, const char* what) {
  const Block* block = find(at, bytes);
  if (!block || (block->kind != MemoryKind::Device && block->kind != MemoryKind::Pooled))
    violation(std::string(what) + ": no memory of a card's");
  else if (block->isFree)
    violation(std::string(what) + ": memory that was freed");
}

bool World::isPageLocked(const void* at, size_t bytes) {
  const Block* block = find(at, bytes);
  return block && (block->kind == MemoryKind::Host || block->kind == MemoryKind::Registered);
}

uint64_t World::takenOf(int card) const {
  uint64_t bytes = 0;
  for (const auto& [at, block] : blocks)
    if (block.card == card && (block.kind == MemoryKind::Device || block.kind == MemoryKind::Pooled))
      bytes += block.bytes;
  return bytes;
}

void World::dropPool(PoolState* pool) {
  if (!pool->isDestroyed || pool->used) return;
  for (auto it = blocks.begin(); it != blocks.end();) {
    if (it->second.pool != pool) {
      ++it;
      continue;
    }
    std::free(const_cast<std::byte*>(it->first));
    it = blocks.erase(it);
  }
  pools.erase(pool);
  delete pool;
}

// ---- tests

void ShimRuntime::seed(uint64_t seed) {
  World& world = World::get();
  const std::lock_guard lock(world.mutex);
  world.random.seed(seed);
}

void ShimRuntime::reset() {
  World& world = World::get();
  const std::lock_guard lock(world.mutex);
  world.faultIn = -1, world.fired = 0;
  world.holdsNext = world.isHolding = false;
  world.hasPools = true;
  world.deviceBytes = uint64_t{1} << 30;
  world.builtFor = 80;
  world.nextDelay = {};
  for (const StepPtr& step : world.open) step->notBefore = {};
  world.runAll();  // after an error nothing is done by it
  world.sticky = cudaSuccess;
  world.loaded.clear(), world.slowCalls.clear(), world.violations.clear(), world.calls.clear();
}

void ShimRuntime::forget() {
  reset();
  World& world = World::get();
  const std::lock_guard lock(world.mutex);
  for (const auto& [at, block] : world.blocks)
    if (block.kind != MemoryKind::Registered) std::free(const_cast<std::byte*>(at));
  world.blocks.clear();
  for (StreamState* stream : std::exchange(world.streams, {})) delete stream;
  for (EventState* event : std::exchange(world.events, {})) delete event;
  for (PoolState* pool : std::exchange(world.pools, {})) delete pool;
  world.graphs = world.execs = 0;
}

void ShimRuntime::failAt(const std::string& call, int nth, int error, bool isSticky) {
  World& world = World::get();
  const std::lock_guard lock(world.mutex);
  world.faultCall = call, world.faultIn = nth, world.faultError = cudaError_t(error), world.faultSticks = isSticky;
  world.fired = 0;
}

int ShimRuntime::fired() {
  const std::lock_guard lock(World::get().mutex);
  return World::get().fired;
}

uint64_t ShimRuntime::calls(const std::string& name) {
  const std::lock_guard lock(World::get().mutex);
  return World::get().calls[name];
}

void ShimRuntime::holdNextKernel() {
  const std::lock_guard lock(World::get().mutex);
  World::get().holdsNext = World::get().isHolding = true;
}

void ShimRuntime::release() {
  World& world = World::get();
  std::unique_lock lock(world.mutex);
  world.holdsNext = world.isHolding = false;
  world.hangCall.clear();
  world.released.notify_all();
  while (world.hanging) {  // what hung goes to the end of its call
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
  }
}

void ShimRuntime::delayNextKernel(std::chrono::milliseconds by) {
  const std::lock_guard lock(World::get().mutex);
  World::get().nextDelay = by;
}

void ShimRuntime::hangAt(const std::string& call) {
  const std::lock_guard lock(World::get().mutex);
  World::get().hangCall = call;
}

int ShimRuntime::hanging() {
  const std::lock_guard lock(World::get().mutex);
  return World::get().hanging;
}

void ShimRuntime::setPools(bool supported) {
  const std::lock_guard lock(World::get().mutex);
  World::get().hasPools = supported;
}

void ShimRuntime::setDeviceBytes(uint64_t bytes) {
  const std::lock_guard lock(World::get().mutex);
  World::get().deviceBytes = bytes;
}

void ShimRuntime::setBuiltFor(int architecture) {
  const std::lock_guard lock(World::get().mutex);
  World::get().builtFor = architecture;
}

ShimCounts ShimRuntime::counts() {
  World& world = World::get();
  const std::lock_guard lock(world.mutex);
  world.runAll();
  ShimCounts counts;
  counts.events = int64_t(world.events.size()), counts.streams = int64_t(world.streams.size());
  counts.pools = int64_t(world.pools.size()), counts.graphs = world.graphs, counts.execs = world.execs;
  counts.steps = int64_t(world.open.size());
  for (const auto& [at, block] : world.blocks) {
    if (block.isFree) continue;
    if (block.kind == MemoryKind::Host)
      ++counts.hostBlocks;
    else if (block.kind == MemoryKind::Registered)
      ++counts.registered;
    else
      ++counts.deviceBlocks;
  }
  return counts;
}

std::string text(const ShimCounts& c) {
  std::string text;
  for (auto [name, count] : {std::pair{"events", c.events},
                             {"streams", c.streams},
                             {"device blocks", c.deviceBlocks},
                             {"host blocks", c.hostBlocks},
                             {"registered", c.registered},
                             {"pools", c.pools},
                             {"graphs", c.graphs},
                             {"execs", c.execs},
                             {"steps", c.steps}})
    if (count) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + name;
  return text;
}

std::vector<SlowCall> ShimRuntime::takeSlowCalls() {
  const std::lock_guard lock(World::get().mutex);
  return std::exchange(World::get().slowCalls, {});
}

std::vector<std::string> ShimRuntime::takeViolations() {
  const std::lock_guard lock(World::get().mutex);
  return std::exchange(World::get().violations, {});
}

}  // namespace switchyard::cuda_shim

extern "C" cudaError_t cudaGetLastError() { return std::exchange(switchyard::cuda_shim::lastError, cudaSuccess); }
