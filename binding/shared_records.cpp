#include "shared_records.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "background.h"

namespace switchyard::node {
namespace {

struct Records {
  std::mutex mutex;
  uint64_t change = 0;  // of the regions
  std::map<uint64_t, std::weak_ptr<Region>> regions;
  std::multimap<const std::byte*, std::weak_ptr<SharedBlock>> shared;  // a tensor may be open more than once
};
Records& records() {
  static Records* records = new Records;  // leaked on purpose: blocks may go after every static
  return *records;
}

}  // namespace

void recordHeap() {
  static std::once_flag once;
  std::call_once(once, [] {
    SharedHeap& heap = SharedHeap::shared();
    heap.onCreated = [](const std::shared_ptr<Region>& region) {
      std::lock_guard lock(records().mutex);
      records().regions.emplace(region->id, region);
      ++records().change;
    };
    heap.onDropped = [](const std::shared_ptr<Region>& region) {
      std::lock_guard lock(records().mutex);
      records().regions.erase(region->id);
      ++records().change;
    };
    heap.onWanted = [] {
      return Background::memory().tryPostAlone([] {
        while (SharedHeap::shared().touchAhead()) {}
      });
    };
  });
}

void rememberShared(const std::shared_ptr<SharedBlock>& block) {
  std::lock_guard lock(records().mutex);
  auto& shared = records().shared;
  shared.emplace(block->data(), block);
  if (shared.size() % 256 == 0) std::erase_if(shared, [](const auto& entry) { return entry.second.expired(); });
}

std::shared_ptr<SharedBlock> findShared(const std::byte* memory) {
  std::shared_ptr<SharedBlock> block;  // may be the last reference, whose end takes the lock
  std::lock_guard lock(records().mutex);
  auto& shared = records().shared;
  for (auto next = shared.upper_bound(memory); next != shared.begin();) {
    auto before = std::prev(next);
    if ((block = before->second.lock())) break;
    next = shared.erase(before);  // one that has gone hides none that begins before it
  }
  return block && memory < block->data() + block->bytes ? block : nullptr;
}

void announceRegions(cluster::Channel& channel) {
  std::vector<std::shared_ptr<Region>> made;
  std::vector<uint64_t> there, &told = channel.told.regions;  // both by number
  {
    std::lock_guard lock(records().mutex);
    if (channel.told.change == records().change) return;
    channel.told.change = records().change;
    for (const auto& [id, weak] : records().regions) {
      auto region = weak.lock();
      if (!region) continue;
      there.push_back(id);
      if (!std::binary_search(told.begin(), told.end(), id)) made.push_back(std::move(region));
    }
  }
  for (const auto& region : made) {
    channel.post(cluster::numbered(cluster::kRegionType, region->id), region);
  }
  for (uint64_t id : told) {
    if (std::binary_search(there.begin(), there.end(), id)) continue;
    channel.post(cluster::numbered(cluster::kDropType, id));
  }
  told = std::move(there);
}

}  // namespace switchyard::node
