// Memory of the core as ArrayBuffers.
#pragma once
#include <napi.h>

#include <memory>

#include "environment.h"
#include "memory/host_pool.h"
#include "memory/shared_memory.h"

namespace switchyard::node {

// A fresh ArrayBuffer with the block's bytes: small ones are copied, large ones carried by the block itself until
// collected.
napi_value makeArrayBuffer(Environment& environment, std::shared_ptr<HostBlock> block);
// The same over `bytes` of a shared block, which lives until the buffer is collected; a copy where the runtime allows
// no external buffers.
napi_value makeSharedArrayBuffer(Environment& environment, std::shared_ptr<SharedBlock> block, uint64_t bytes);

}  // namespace switchyard::node
