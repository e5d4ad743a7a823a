// Node-API has no call for it, so this is the one place that knows V8, by three of its symbols: a Local is a handle's
// address, as a napi_value is, and ArrayBuffer::GetBackingStore() returns the store's shared_ptr. They are looked up
// while the addon runs, so that one build loads on every Node, and tried on a buffer of our own before they are used.
#include "held_memory.h"

#include <dlfcn.h>

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "convert.h"

namespace switchyard::node {
namespace {

using Store = std::shared_ptr<const void>;

struct Calls {
  Store (*storeOf)(napi_value arrayBuffer) = nullptr;  // v8::ArrayBuffer::GetBackingStore()
  void* (*dataOf)(const void* store) = nullptr;        // v8::BackingStore::Data()
  size_t (*bytesOf)(const void* store) = nullptr;      // v8::BackingStore::ByteLength()
};

template <class Function>
void lookUp(Function& function, const char* symbol) {
  function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, symbol));
}

// Whether the calls say of a new buffer what Node-API says of it.
bool areTrue(const Calls& calls, napi_env env) {
  constexpr size_t kBytes = 104;
  napi_value buffer;
  void* data = nullptr;
  if (napi_create_arraybuffer(env, kBytes, &data, &buffer) != napi_ok) return false;
  const Store store = calls.storeOf(buffer);
  return store && calls.dataOf(store.get()) == data && calls.bytesOf(store.get()) == kBytes;
}

Calls findCalls(napi_env env) {
  Calls calls;
  lookUp(calls.storeOf, "_ZN2v811ArrayBuffer15GetBackingStoreEv");
  lookUp(calls.dataOf, "_ZNK2v812BackingStore4DataEv");
  lookUp(calls.bytesOf, "_ZNK2v812BackingStore10ByteLengthEv");
  if (!calls.storeOf || !calls.dataOf || !calls.bytesOf || !areTrue(calls, env)) return {};
  return calls;
}

std::atomic<bool> holdingAllowed{true};

// By where they begin. A shared tensor may be open more than once, and each has a block then.
struct OwnBlocks {
  std::mutex mutex;
  std::unordered_multimap<const void*, std::weak_ptr<const void>> blocks;
};
OwnBlocks& own() {
  static OwnBlocks* own = new OwnBlocks;  // leaked on purpose: buffers may go after every static
  return *own;
}

std::shared_ptr<const void> findOwn(const void* data) {
  std::lock_guard lock(own().mutex);
  for (auto [next, end] = own().blocks.equal_range(data); next != end; ++next)
    if (auto block = next->second.lock()) return block;
  return nullptr;
}

const Calls& callsOf(napi_env env) {
  static const Calls calls = findCalls(env);
  return calls;
}

}  // namespace

bool resizesHeld(napi_env env, napi_value arrayBuffer, napi_value transfer) {
  const Calls& calls = callsOf(env);
  if (!calls.storeOf) return false;
  const Store store = calls.storeOf(arrayBuffer);
  const size_t before = calls.bytesOf(store.get());
  napi_value undefined, ignored;
  checkStatus(env, napi_get_undefined(env, &undefined));
  checkStatus(env, napi_call_function(env, undefined, transfer, 0, nullptr, &ignored));
  return calls.bytesOf(store.get()) != before;
}

std::shared_ptr<const void> holdMemory(napi_env env, napi_value typedArray) {
  const Calls& calls = callsOf(env);
  if (!calls.storeOf || !holdingAllowed.load(std::memory_order_relaxed)) return nullptr;
  napi_value buffer;
  void* data = nullptr;
  checkStatus(env, napi_get_typedarray_info(env, typedArray, nullptr, nullptr, &data, &buffer, nullptr));
  Store store = calls.storeOf(buffer);
  if (!store) return nullptr;
  if (auto block = findOwn(calls.dataOf(store.get()))) return block;
  return store;
}

void rememberOwn(const void* data, const std::shared_ptr<const void>& block) {
  std::lock_guard lock(own().mutex);
  own().blocks.emplace(data, block);
}

void forgetOwn(const void* data, const std::shared_ptr<const void>& block) {
  std::lock_guard lock(own().mutex);
  for (auto [next, end] = own().blocks.equal_range(data); next != end; ++next) {
    if (next->second.owner_before(block) || block.owner_before(next->second)) continue;
    own().blocks.erase(next);
    return;
  }
}

void allowHolding(bool allowed) { holdingAllowed = allowed; }

}  // namespace switchyard::node
