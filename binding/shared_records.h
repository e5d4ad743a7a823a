// What this process has of shared memory: regions that its heap made, and the blocks of shared tensors that JavaScript
// holds. Thread-safe.
#pragma once
#include <cstddef>
#include <memory>

#include "cluster/channel.h"
#include "memory/shared_memory.h"

namespace switchyard::node {

// Memory of a shared tensor that this process holds, found by an address inside it; null for other memory.
std::shared_ptr<SharedBlock> findShared(const std::byte* memory);
void rememberShared(const std::shared_ptr<SharedBlock>& block);
// Has the process's heap write down which regions it has. Idempotent.
void recordHeap();
// Tells the other end of regions made or given up here since it was told last.
void announceRegions(cluster::Channel& channel);

}  // namespace switchyard::node
