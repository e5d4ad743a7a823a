// The rule: what one block writes no other block may touch in the same launch, unless both do it atomically.
// Fences are not emulated: a kernel whose last block takes what others wrote before theirs is refused, if rightly made.
#include "races.h"

#include <cstring>

namespace switchyard::cuda_shim {
namespace {

constexpr uint32_t kMany = 0xFFFFFFFFu;
constexpr size_t kMostPages = 1 << 16;  // what is kept for the next launch

bool isOther(uint32_t user, uint32_t self) { return user != 0 && user != self; }
void add(uint32_t& user, uint32_t self) { user = isOther(user, self) ? kMany : self; }
std::string named(uint32_t user) { return user == kMany ? "several blocks" : "block " + std::to_string(user - 1); }

}  // namespace

void Races::beginLaunch() {
  ++launch_;
  if (pages_.size() > kMostPages) pages_.clear();
  last_ = nullptr;
}

Races::Page& Races::pageOf(uintptr_t number) {
  if (last_ && number == lastNumber_) return *last_;
  Page& page = pages_[number];
  if (page.launch != launch_) {
    std::memset(page.bytes, 0, sizeof page.bytes);
    page.launch = launch_;
  }
  last_ = &page, lastNumber_ = number;
  return page;
}

std::string Races::touch(uint64_t block, const void* at, size_t bytes, Access access) {
  const auto self = static_cast<uint32_t>(block + 1);
  const bool reads = access == Access::Read || access == Access::VolatileRead;
  const bool isAtomic = access == Access::Atomic || access == Access::VolatileRead || access == Access::VolatileWrite;
  const char* does = reads ? "reads" : access == Access::Atomic ? "changes atomically" : "writes";
  for (auto address = reinterpret_cast<uintptr_t>(at), end = address + bytes; address < end; ++address) {
    Users& users = pageOf(address / kPageBytes).bytes[address % kPageBytes];
    const char* did = nullptr;
    uint32_t who = 0;
    if (isOther(users.writer, self))
      did = "wrote", who = users.writer;
    else if (!isAtomic && isOther(users.atomic, self))
      did = "changed atomically", who = users.atomic;
    else if (!reads && isOther(users.reader, self))
      did = "read", who = users.reader;
    else if (access == Access::Write && isOther(users.volatileReader, self))
      did = "read", who = users.volatileReader;
    if (did) return "block " + std::to_string(block) + " " + does + " what " + named(who) + " " + did;
    add(access == Access::VolatileRead ? users.volatileReader
        : reads                        ? users.reader
        : isAtomic                     ? users.atomic
                                       : users.writer,
        self);
  }
  return "";
}

}  // namespace switchyard::cuda_shim
