// Memory that the processes of a cluster share: regions (memfds), and each process's allocator over those it made.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace switchyard {

constexpr uint32_t kMaxMembers = 256;  // processes of one cluster; a member slot is below it
constexpr uint32_t kNoDescriptor = ~uint32_t{0};

// What a region looks like to every process: one header page, a table of descriptors, then the blocks.
//
// Any process may be killed at any instruction, so nothing here is ever locked: only lock-free atomics cross processes.
// A descriptor tells of one shareable block. Its life, all operations sequentially consistent:
//
//   owner (the process that made the region)          opener (any member, the owner included)
//   offset, bytes, flags, own holder bit; then        1. generation == G?           else gone
//   generation = G: the block can be opened           2. set own holder bit
//   to free it, once no holder bit is set:            3. wait while generation == G|kClosing
//   a. generation = G|kClosing                        4. generation == G?           held
//   b. read all holder bits                              else clear the bit, unless it was set before step 2: gone
//   c. any set: generation = G, try again later
//      none:    generation = 0, the memory is free
// An opener that reads G in step 4 set its bit before any later (a), so that (b) sees it: memory somebody holds is
// never freed. An opener whose bit came after (b) had read its word waits in step 3 for (c) and reads 0 in step 4. G is
// never used again in the region, so a descriptor's next block is never mistaken for the one asked for. While anyone
// holds the block, step 4 ends with success: (c) restores G, and step 3 only ends early (as "gone") when the owner was
// killed between (a) and (c). A process killed while it holds, or between 2 and 4, leaves its bit behind: clearMember
// takes it away. A killed owner leaves its regions as they are; nothing is ever allocated in them again, and whoever
// maps them keeps them. A peer can write anything here at any time. It can spoil contents, but nobody else's process:
// the owner frees by its private records, never what it holds itself, and what an opener reads is checked against the
// mapping.
struct RegionHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t descriptors;  // entries of the table
  uint64_t id;
  uint64_t bytes;                         // the whole memfd
  std::atomic<uint32_t> usedDescriptors;  // entries from here on were never used
};
struct alignas(64) Descriptor {
  static constexpr uint64_t kClosing = uint64_t{1} << 63;
  static constexpr uint32_t kSealed = 1;
  std::atomic<uint64_t> generation;  // 0: no block
  std::atomic<uint64_t> offset, bytes;
  std::atomic<uint64_t> holders[kMaxMembers / 64];
  std::atomic<uint32_t> flags;
};
static_assert(sizeof(Descriptor) == 64 && std::atomic<uint64_t>::is_always_lock_free &&
              std::atomic<uint32_t>::is_always_lock_free);

// One mapped memfd, with the seals that keep its size. Thread-safe. The mapping and the descriptor go with the last
// reference, the descriptor earlier where closeDescriptor() says so.
class Region {
 public:
  static constexpr uint64_t kMaxId = (uint64_t{1} << 53) - 1;

  // A fresh one with at least `bytes` for blocks beyond header and table; they take no memory until used. Throws
  // OutOfMemory.
  static std::shared_ptr<Region> create(size_t bytes);
  // One that another process made. Takes ownership of fd, and closes it on failure, too. Throws InvalidArgument for
  // anything else than a region, OutOfMemory where it can't be mapped.
  static std::shared_ptr<Region> adopt(int fd);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  const uint64_t id;  // random, 1 .. kMaxId
  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  int fd() const { return fd_; }
  // Where nobody else is to be told of it any more, and its blocks are as large as they get: what holds the mapping may
  // live on until a collection that no count of descriptors hurries.
  void closeDescriptor() noexcept;
  uint64_t firstBlock() const { return firstBlock_; }  // where blocks begin: behind header and table
  // throws InvalidArgument outside of the blocks' part
  std::byte* at(uint64_t offset, uint64_t bytes) const;
  // The same of another process's memory that is about to be used: its pages are mapped in one go, which takes a
  // quarter of what their faults one by one take. Done once for each part.
  std::byte* mapped(uint64_t offset, uint64_t bytes);

  // For the coordinator. A slot is used for the next process only after clearMember for the last one; throws
  // InvalidArgument from kMaxMembers on.
  void clearMember(uint32_t slot);  // takes a dead process out of every block's holders
  bool hasHolders() const;          // whether anyone holds a shareable block of it
  struct HeldUse {
    uint64_t tensors = 0, bytes = 0;
  };
  HeldUse heldUse() const;  // of the blocks that anyone holds
  // Lets a member hold a block that it is going to open; false when the block is gone. Holds of one member don't add
  // up: it opens the block before it lets go of one it may have open already.
  bool addHolder(uint32_t descriptor, uint64_t generation, uint32_t slot);

 private:
  friend class SharedHeap;
  friend class SharedBlock;
  Region(int fd, std::byte* data, size_t size, uint64_t id, uint32_t descriptors, uint64_t firstBlock);
  RegionHeader& header() const { return *reinterpret_cast<RegionHeader*>(data_); }
  Descriptor& descriptor(uint32_t index) const;  // index below descriptors()
  uint32_t descriptors() const { return descriptors_; }
  uint32_t usedDescriptors() const;
  bool held(uint32_t index) const;  // by anyone
  void setHolder(uint32_t index, uint32_t slot) noexcept;
  void removeHolder(uint32_t index, uint32_t slot) noexcept;

  std::atomic<int> fd_;
  std::byte* const data_;
  const size_t size_;
  const uint32_t descriptors_;  // as found when mapped: never read from shared memory again
  const uint64_t firstBlock_;
  std::vector<std::atomic<uint64_t>> mapped_;  // a bit for each step, of another process's; else empty
};

// Every region this process knows. Thread-safe.
class RegionTable {
 public:
  static RegionTable& shared();  // never destroyed

  // nothing happens when its id is known already
  void add(std::shared_ptr<Region> region);
  std::shared_ptr<Region> find(uint64_t id) const;  // null when unknown
  // Not known, but perhaps on its way: false for one that is known, was refused, or was dropped lately.
  bool mayCome(uint64_t id) const;
  // For one on its way, never on an event loop; null when it didn't come, and at once when it is refused or dropped,
  // or was lately.
  std::shared_ptr<Region> wait(uint64_t id, std::chrono::milliseconds most) const;
  void drop(uint64_t id);
  // There is such a region, but the system had no descriptor or no addresses for it here. Until it is added or dropped.
  void refuse(uint64_t id);
  std::vector<uint64_t> refused() const;
  // find() that throws OutOfMemory for one that was refused.
  std::shared_ptr<Region> require(uint64_t id) const;
  struct Place {
    std::shared_ptr<Region> region;  // null: in none
    uint64_t offset = 0;
  };
  // False: it lies in none, as most do.
  bool mayHold(const std::byte* memory) const {
    const auto address = reinterpret_cast<uintptr_t>(memory);
    return address >= lowest_.load(std::memory_order_relaxed) && address < highest_.load(std::memory_order_relaxed);
  }
  // the region in which this address lies
  Place locate(const std::byte* memory) const;
  std::vector<std::shared_ptr<Region>> all() const;

 private:
  using Regions = std::vector<std::shared_ptr<Region>>;
  Regions::const_iterator findLocked(uint64_t id) const;
  void boundLocked();

  mutable std::shared_mutex mutex_;
  mutable std::condition_variable_any changed_;
  Regions regions_;  // by address
  std::deque<uint64_t> dropped_, refused_;
  // Around all of them: most addresses asked for lie outside, and cost no lock.
  std::atomic<uintptr_t> lowest_{UINTPTR_MAX}, highest_{0};
};

// A piece of a region as this process holds it; the destructor lets go, from any thread.
class SharedBlock {
  struct Made;  // what only the heap knows

 public:
  explicit SharedBlock(const Made& made);
  ~SharedBlock();
  SharedBlock(const SharedBlock&) = delete;
  SharedBlock& operator=(const SharedBlock&) = delete;

  const std::shared_ptr<Region> region;
  const uint64_t offset;
  const size_t bytes;         // as asked for
  const uint32_t descriptor;  // of a shareable block, else kNoDescriptor
  const uint64_t generation;  // of a shareable block, 1 .. 2^53-1, else 0
  std::byte* data() const { return region->data() + offset; }

  // Sealed: its contents are not to change any more. A promise that all processes see, not a protection.
  bool sealed() const;
  void seal();

 private:
  friend class SharedHeap;
  void* const owner_;  // the heap's record of it
  const uint64_t capacity_;
  std::atomic<bool> sealed_{false};  // of a block without a descriptor
};

// This process's allocator over the regions it made. Thread-safe. The bookkeeping is private memory, out of the reach
// of peers. What was freed last is handed out first, since the first touch of fresh memory costs more than most
// kernels. Contents are undefined.
class SharedHeap {
 public:
  static SharedHeap& shared();  // never destroyed

  // For this process's own jobs; others can't open it. 64-byte aligned. Both throw OutOfMemory that names the size and
  // the limit.
  std::shared_ptr<SharedBlock> allocate(size_t bytes);
  // The same of memory that was used before; null where only a fresh piece, whose first touch takes long, would do.
  std::shared_ptr<SharedBlock> allocateTouched(size_t bytes);
  // With a descriptor: others may open it. Its memory is free again when the last holder in any process let go.
  std::shared_ptr<SharedBlock> allocateShared(size_t bytes);
  // A shareable block of another process, or of this one: becomes one more holder. Throws Closed when the region or the
  // block is gone.
  std::shared_ptr<SharedBlock> open(const std::shared_ptr<Region>& region, uint32_t descriptor, uint64_t generation);

  // Which member this process is; kMaxMembers-1 until called. Marks what it holds already anew.
  void setMember(uint32_t slot);

  // Set before first use. Called on the thread whose call causes it, before that call returns: onCreated before any
  // block of the region exists (it must not allocate, and what it throws fails the allocation), onDropped after the
  // last is gone (it must not throw).
  std::function<void(const std::shared_ptr<Region>&)> onCreated, onDropped;

  // Jobs may come: some memory is made present before they ask for it, and more, up to a bound, after one had to wait.
  // onWanted is called, without a lock, when there is something to do: whoever set it has a thread call touchAhead()
  // until that returns false, or returns false itself. A call takes about a millisecond.
  void expectJobs();
  bool touchAhead() noexcept;
  std::function<bool()> onWanted;  // must not throw

  void trim();  // gives up every entirely unused region, and takes back what others let go of
  struct Use {
    uint64_t regionBytes, usedBytes, blocks;  // blocks that others still hold are in use
  };
  Use use() const;

 private:
  friend class SharedBlock;
  SharedHeap();
  struct State;
  void grow(uint64_t bytes, uint64_t capacity, uint64_t seen);
  std::shared_ptr<SharedBlock> make(size_t bytes, bool shareable, bool mayBeFresh);
  std::shared_ptr<SharedBlock> miss(std::unique_lock<std::mutex>& lock);
  void release(SharedBlock& block) noexcept;
  void giveUp(std::vector<std::shared_ptr<Region>>& dropped) noexcept;
  void wantTouching() noexcept;
  State& state_;
};

}  // namespace switchyard
