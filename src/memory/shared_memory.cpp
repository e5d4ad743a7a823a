// Regions and the table of those this process knows. The protocol of holders is in the header.
#include "memory/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "error.h"
#include "memory/unmap.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace switchyard {
namespace {

constexpr size_t kRememberedDrops = 1024, kRememberedRefusals = 1024;
constexpr uint64_t kMagic = 0x6472617968637773;  // "swchyard"
constexpr uint32_t kVersion = 1;
constexpr uint64_t kPage = 4096;  // of the layout, whatever the machine's pages are
constexpr uint64_t kTableOffset = kPage;
constexpr uint64_t kMaxBytes = uint64_t{1} << 46;
constexpr uint32_t kMinDescriptors = 64, kMaxDescriptors = 16384;
constexpr uint64_t kBytesPerDescriptor = 16 << 10;  // 4096 for a region of 64 MB
// Pages of others are mapped by so many; not for more, whose faults the job's threads share.
constexpr uint64_t kMapStep = 256 << 10, kMostMapped = 4 << 20;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
// an owner takes 100 ns: after this it was killed in between
constexpr auto kMaxClosing = std::chrono::milliseconds(20);
static_assert(sizeof(RegionHeader) <= kTableOffset);

// Closes on the way out unless released.
struct Fd {
  int value;
  explicit Fd(int value) : value(value) {}
  ~Fd() {
    if (value >= 0) close(value);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int release() { return std::exchange(value, -1); }
};

uint64_t roundedUp(uint64_t bytes, uint64_t step) { return (bytes + step - 1) / step * step; }
uint64_t firstBlockFor(uint32_t descriptors) {
  return roundedUp(kTableOffset + uint64_t{descriptors} * sizeof(Descriptor), kPage);
}

uint64_t randomId() {
  uint64_t id = 0;
  while (!(id &= Region::kMaxId))
    if (getrandom(&id, sizeof id, 0) != sizeof id) id = 0;
  return id;
}

[[noreturn]] void noRegion(const char* why) {
  throw Error(Code::InvalidArgument, std::string("not a region of shared memory: ") + why);
}

[[noreturn]] void noMemory(uint64_t bytes, int error) {
  throw Error(Code::OutOfMemory,
              "the system has no " + std::to_string(bytes) + " bytes of shared memory: " + std::strerror(error));
}

std::byte* map(int fd, uint64_t bytes) {
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapped);
}

void checkSlot(uint32_t slot) {
  if (slot >= kMaxMembers)
    throw Error(Code::InvalidArgument, "a member's slot is below " + std::to_string(kMaxMembers));
}

bool isIn(const std::deque<uint64_t>& ids, uint64_t id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

std::atomic<uint64_t>& wordOf(Descriptor& descriptor, uint32_t slot) { return descriptor.holders[slot / 64]; }
uint64_t bitOf(uint32_t slot) { return uint64_t{1} << (slot % 64); }

}  // namespace

Region::Region(int fd, std::byte* data, size_t size, uint64_t id, uint32_t descriptors, uint64_t firstBlock)
    : id(id), fd_(fd), data_(data), size_(size), descriptors_(descriptors), firstBlock_(firstBlock) {}

Region::~Region() {
  unmapInSteps(data_, size_);
  closeDescriptor();
}

void Region::closeDescriptor() noexcept {
  if (const int fd = fd_.exchange(-1); fd >= 0) close(fd);
}

std::shared_ptr<Region> Region::create(size_t bytes) {
  if (bytes > kMaxBytes) noMemory(bytes, ENOMEM);
  auto descriptors = uint32_t(std::clamp<uint64_t>(bytes / kBytesPerDescriptor, kMinDescriptors, kMaxDescriptors));
  uint64_t firstBlock = firstBlockFor(descriptors), total = roundedUp(firstBlock + bytes, kPage);
  Fd fd(memfd_create("switchyard", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd.value < 0 || ftruncate(fd.value, off_t(total)) || fcntl(fd.value, F_ADD_SEALS, kSeals)) noMemory(total, errno);
  // The table exists before anyone reads it: touching a page that the system can't provide would end the process
  // (SIGBUS).
  int error;
  while ((error = posix_fallocate(fd.value, 0, off_t(firstBlock))) == EINTR) {}
  if (error) noMemory(total, error);
  std::byte* data = map(fd.value, total);
  if (!data) noMemory(total, errno);
  // the table is zeros: no block
  auto* header = new (data) RegionHeader{kMagic, kVersion, descriptors, randomId(), total, 0};
  return std::shared_ptr<Region>(new Region(fd.release(), data, total, header->id, descriptors, firstBlock));
}

std::shared_ptr<Region> Region::adopt(int given) {
  Fd fd(given);
  int seals = fcntl(fd.value, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) noRegion("its size is not sealed");
  struct stat status;
  if (fstat(fd.value, &status) || status.st_size < off_t(kTableOffset)) noRegion("it is too short");
  auto total = uint64_t(status.st_size);
  alignas(RegionHeader) std::byte raw[sizeof(RegionHeader)];  // read, not mapped: it may be anything
  if (pread(fd.value, raw, sizeof raw, 0) != ssize_t(sizeof raw)) noRegion("it can't be read");
  const auto& header = *reinterpret_cast<const RegionHeader*>(raw);
  if (header.magic != kMagic) noRegion("its header is another's");
  if (header.version != kVersion) noRegion("it is of another version");
  if (!header.id || header.id > kMaxId || header.bytes != total || total > 2 * kMaxBytes || !header.descriptors ||
      header.descriptors > kMaxDescriptors || firstBlockFor(header.descriptors) > total)
    noRegion("its header makes no sense");
  std::byte* data = map(fd.value, total);
  if (!data && errno == ENOMEM) noMemory(total, ENOMEM);
  if (!data) noRegion("it can't be written");
  fcntl(fd.value, F_SETFD, FD_CLOEXEC);
  std::shared_ptr<Region> region(
      new Region(fd.release(), data, total, header.id, header.descriptors, firstBlockFor(header.descriptors)));
  region->mapped_ = std::vector<std::atomic<uint64_t>>(total / kMapStep / 64 + 1);
  return region;
}

std::byte* Region::at(uint64_t offset, uint64_t bytes) const {
  if (offset < firstBlock_ || offset > size_ || bytes > size_ - offset)
    throw Error(Code::InvalidArgument, "a place outside of a region of shared memory");
  return data_ + offset;
}

std::byte* Region::mapped(uint64_t offset, uint64_t bytes) {
  std::byte* const data = at(offset, bytes);
  if (mapped_.empty() || bytes < kMapStep || bytes > kMostMapped) return data;
  for (uint64_t step = offset / kMapStep; step <= (offset + bytes - 1) / kMapStep; ++step) {
    const uint64_t bit = uint64_t{1} << step % 64, from = step * kMapStep;
    if (mapped_[step / 64].fetch_or(bit, std::memory_order_relaxed) & bit) continue;
    madvise(data_ + from, std::min(kMapStep, size_ - from), MADV_POPULATE_WRITE);  // what it can't, faults do
  }
  return data;
}

Descriptor& Region::descriptor(uint32_t index) const {
  return reinterpret_cast<Descriptor*>(data_ + kTableOffset)[index];
}

uint32_t Region::usedDescriptors() const { return std::min(header().usedDescriptors.load(), descriptors_); }

bool Region::held(uint32_t index) const {
  Descriptor& d = descriptor(index);
  for (const auto& word : d.holders)
    if (word.load()) return true;
  return false;
}

void Region::setHolder(uint32_t index, uint32_t slot) noexcept {
  wordOf(descriptor(index), slot).fetch_or(bitOf(slot));
}

void Region::removeHolder(uint32_t index, uint32_t slot) noexcept {
  wordOf(descriptor(index), slot).fetch_and(~bitOf(slot));
}

void Region::clearMember(uint32_t slot) {
  checkSlot(slot);
  for (uint32_t i = 0, used = usedDescriptors(); i < used; ++i) {
    auto& word = wordOf(descriptor(i), slot);
    if (word.load() & bitOf(slot)) word.fetch_and(~bitOf(slot));
  }
}

Region::HeldUse Region::heldUse() const {
  HeldUse use;
  for (uint32_t index = 0, count = usedDescriptors(); index < count; ++index) {
    if (!held(index)) continue;
    ++use.tensors;
    use.bytes += std::min<uint64_t>(descriptor(index).bytes, size_);  // another process has written it
  }
  return use;
}

bool Region::hasHolders() const {
  for (uint32_t i = 0, used = usedDescriptors(); i < used; ++i)
    if (held(i)) return true;  // whatever its generation: the owner may have been killed while it looked
  return false;
}

bool Region::addHolder(uint32_t index, uint64_t generation, uint32_t slot) {
  checkSlot(slot);
  if (index >= descriptors_ || !generation || generation > kMaxId) return false;
  Descriptor& d = descriptor(index);
  if ((d.generation.load() & ~Descriptor::kClosing) != generation) return false;
  uint64_t before = wordOf(d, slot).fetch_or(bitOf(slot));
  uint64_t now = d.generation.load();
  if (now == (generation | Descriptor::kClosing)) {
    auto end = std::chrono::steady_clock::now() + kMaxClosing;
    while ((now = d.generation.load()) == (generation | Descriptor::kClosing) && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
  }
  if (now == generation) return true;
  if (!(before & bitOf(slot))) removeHolder(index, slot);
  return false;
}

RegionTable& RegionTable::shared() {
  static RegionTable* table = new RegionTable;  // leaked on purpose: blocks may outlive every owner of it
  return *table;
}

RegionTable::Regions::const_iterator RegionTable::findLocked(uint64_t id) const {
  return std::find_if(regions_.begin(), regions_.end(), [&](const auto& region) { return region->id == id; });
}

void RegionTable::boundLocked() {
  lowest_ = regions_.empty() ? UINTPTR_MAX : reinterpret_cast<uintptr_t>(regions_.front()->data());
  highest_ = regions_.empty() ? 0 : reinterpret_cast<uintptr_t>(regions_.back()->data() + regions_.back()->size());
}

void RegionTable::add(std::shared_ptr<Region> region) {
  std::lock_guard lock(mutex_);
  if (findLocked(region->id) != regions_.end()) return;
  std::erase(dropped_, region->id);
  std::erase(refused_, region->id);
  auto place =
      std::find_if(regions_.begin(), regions_.end(), [&](const auto& other) { return other->data() > region->data(); });
  regions_.insert(place, std::move(region));
  boundLocked();
  changed_.notify_all();
}

std::shared_ptr<Region> RegionTable::find(uint64_t id) const {
  std::shared_lock lock(mutex_);
  auto found = findLocked(id);
  return found == regions_.end() ? nullptr : *found;
}

bool RegionTable::mayCome(uint64_t id) const {
  std::shared_lock lock(mutex_);
  return findLocked(id) == regions_.end() && !isIn(dropped_, id) && !isIn(refused_, id);
}

std::shared_ptr<Region> RegionTable::wait(uint64_t id, std::chrono::milliseconds most) const {
  std::shared_lock lock(mutex_);
  auto found = regions_.end();
  changed_.wait_for(lock, most, [&] {
    found = findLocked(id);
    return found != regions_.end() || isIn(dropped_, id) || isIn(refused_, id);
  });
  return found == regions_.end() ? nullptr : *found;
}

void RegionTable::drop(uint64_t id) {
  std::shared_ptr<Region> last;  // unmapped, if it was the last reference, without the lock
  std::lock_guard lock(mutex_);
  std::erase(refused_, id);
  auto found = findLocked(id);
  if (found == regions_.end()) return;
  last = *found;
  regions_.erase(found);
  dropped_.push_back(id);
  if (dropped_.size() > kRememberedDrops) dropped_.pop_front();
  boundLocked();
  changed_.notify_all();
}

void RegionTable::refuse(uint64_t id) {
  std::lock_guard lock(mutex_);
  if (findLocked(id) != regions_.end() || isIn(refused_, id)) return;
  refused_.push_back(id);
  if (refused_.size() > kRememberedRefusals) refused_.pop_front();
  changed_.notify_all();
}

std::vector<uint64_t> RegionTable::refused() const {
  std::shared_lock lock(mutex_);
  return {refused_.begin(), refused_.end()};
}

std::shared_ptr<Region> RegionTable::require(uint64_t id) const {
  std::shared_lock lock(mutex_);
  const auto found = findLocked(id);
  if (found != regions_.end()) return *found;
  if (isIn(refused_, id))
    throw Error(Code::OutOfMemory,
                "a process of the cluster had no file descriptor or no addresses left for shared memory that the job"
                " uses (ulimit -n, ulimit -v)");
  return nullptr;
}

RegionTable::Place RegionTable::locate(const std::byte* memory) const {
  if (!mayHold(memory)) return {};
  std::shared_lock lock(mutex_);
  auto after = std::upper_bound(regions_.begin(), regions_.end(), memory,
                                [](auto* m, const auto& region) { return m < region->data(); });
  if (after == regions_.begin()) return {};
  const auto& region = *std::prev(after);
  auto offset = uint64_t(memory - region->data());
  if (offset >= region->size()) return {};
  return {region, offset};
}

std::vector<std::shared_ptr<Region>> RegionTable::all() const {
  std::shared_lock lock(mutex_);
  return regions_;
}

}  // namespace switchyard
