// Large blocks are lent to V8 and freed when it collects the buffer, which may give memory back to the system: not on
// the event loop. Small ones, and all in Electron, are copied.
#include "array_buffers.h"

#include <cstring>

#include "background.h"
#include "convert.h"

namespace switchyard::node {
namespace {

constexpr size_t kSlowBytes = 1 << 20;

template <class Block>
void letGo(std::shared_ptr<Block>* held, size_t bytes) {
  if (bytes < kSlowBytes)
    delete held;
  else
    Background::memory().post([held] { delete held; });
}

}  // namespace

napi_value makeArrayBuffer(Environment& environment, std::shared_ptr<HostBlock> block) {
  napi_env env = environment.env();
  napi_value buffer;
  if (block->size >= HostPool::kPooledBytes && !environment.copyOutputs) {
    auto* held = new std::shared_ptr<HostBlock>(block);
    auto release = [](napi_env, void*, void* hint) {
      auto* block = static_cast<std::shared_ptr<HostBlock>*>(hint);
      letGo(block, (*block)->size);
    };
    napi_status status = napi_create_external_arraybuffer(env, block->data, block->size, release, held, &buffer);
    if (status == napi_ok) return buffer;
    delete held;
    if (status != napi_no_external_buffers_allowed) checkStatus(env, status);
    environment.copyOutputs = true;  // Electron
  }
  void* data = nullptr;
  checkStatus(env, napi_create_arraybuffer(env, block->size, &data, &buffer));
  if (block->size) std::memcpy(data, block->data, block->size);
  return buffer;
}

napi_value makeSharedArrayBuffer(Environment& environment, std::shared_ptr<SharedBlock> block, uint64_t bytes) {
  napi_env env = environment.env();
  napi_value buffer;
  std::byte* data = block->data();
  if (!environment.copyOutputs) {
    auto* held = new std::shared_ptr<SharedBlock>(std::move(block));
    auto release = [](napi_env, void*, void* hint) {
      auto* block = static_cast<std::shared_ptr<SharedBlock>*>(hint);
      letGo(block, (*block)->bytes);
    };
    napi_status status = napi_create_external_arraybuffer(env, data, bytes, release, held, &buffer);
    if (status == napi_ok) return buffer;
    block = std::move(*held);
    delete held;
    if (status != napi_no_external_buffers_allowed) checkStatus(env, status);
    environment.copyOutputs = true;  // Electron
  }
  void* copy = nullptr;
  checkStatus(env, napi_create_arraybuffer(env, bytes, &copy, &buffer));
  std::memcpy(copy, data, bytes);
  return buffer;
}

}  // namespace switchyard::node
