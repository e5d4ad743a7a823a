// Large blocks are lent to V8 and freed when it collects the buffer, which may give memory back to the system: not on
// the event loop. Small ones, and all in Electron, are copied.
#include "array_buffers.h"

#include <cstring>

#include "background.h"
#include "convert.h"
#include "held_memory.h"

namespace switchyard::node {
namespace {

constexpr size_t kSlowBytes = 1 << 20;

const std::byte* dataOf(const HostBlock& block) { return block.data; }
const std::byte* dataOf(const SharedBlock& block) { return block.data(); }
size_t bytesOf(const HostBlock& block) { return block.size; }
size_t bytesOf(const SharedBlock& block) { return block.bytes; }

template <class Block>
void letGo(std::shared_ptr<Block>* held) {
  forgetOwn(dataOf(**held), *held);
  if (bytesOf(**held) < kSlowBytes)
    delete held;
  else
    Background::memory().post([held] { delete held; });
}

// Over the block's first bytes; null where the runtime forbids external buffers.
template <class Block>
napi_value lend(Environment& environment, const std::shared_ptr<Block>& block, size_t bytes) {
  napi_env env = environment.env();
  if (environment.copyOutputs) return nullptr;
  auto* held = new std::shared_ptr<Block>(block);
  rememberOwn(dataOf(*block), block);
  auto release = [](napi_env, void*, void* hint) { letGo(static_cast<std::shared_ptr<Block>*>(hint)); };
  napi_value buffer;
  auto* data = const_cast<std::byte*>(dataOf(*block));
  const napi_status status = napi_create_external_arraybuffer(env, data, bytes, release, held, &buffer);
  if (status == napi_ok) return buffer;
  forgetOwn(data, block);
  delete held;
  if (status != napi_no_external_buffers_allowed) checkStatus(env, status);
  environment.copyOutputs = true;  // Electron
  return nullptr;
}

napi_value copyOf(napi_env env, const std::byte* from, size_t bytes) {
  void* data = nullptr;
  napi_value buffer;
  checkStatus(env, napi_create_arraybuffer(env, bytes, &data, &buffer));
  if (bytes) std::memcpy(data, from, bytes);
  return buffer;
}

}  // namespace

napi_value makeArrayBuffer(Environment& environment, std::shared_ptr<HostBlock> block) {
  if (block->size >= HostPool::kPooledBytes)
    if (napi_value buffer = lend(environment, block, block->size)) return buffer;
  return copyOf(environment.env(), block->data, block->size);
}

napi_value makeSharedArrayBuffer(Environment& environment, std::shared_ptr<SharedBlock> block, uint64_t bytes) {
  if (napi_value buffer = lend(environment, block, bytes)) return buffer;
  return copyOf(environment.env(), block->data(), bytes);
}

}  // namespace switchyard::node
