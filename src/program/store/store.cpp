// <folder>/programs/<first two digits>/<id>.swp, one encoded module each; <folder>/warm-up.swl.
#include "program/store/store.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace switchyard {
namespace {

constexpr const char* kPrograms = "programs";
constexpr const char* kEnding = ".swp";
constexpr const char* kWarmUp = "warm-up.swl";
constexpr std::string_view kWarmUpMagic = "swydwrm1";
using Missing = CacheFolder::Missing;

std::string shelfOf(const std::string& hex) { return hex.substr(0, 2); }

CacheFolder openShelf(const CacheFolder& root, const std::string& shelf, Missing missing) {
  const CacheFolder programs = root ? root.below(kPrograms, missing) : CacheFolder();
  return programs ? programs.below(shelf, missing) : CacheFolder();
}

}  // namespace

ProgramStore::ProgramStore(std::string folder, StoreLimits limits, Report report, std::shared_ptr<Room> room)
    : folder_(std::move(folder)), limits_(limits), report_(std::move(report)), room_(std::move(room)) {}

void ProgramStore::tell(Trouble trouble, const std::string& problem) noexcept try {
  const uint32_t bit = 1u << uint32_t(trouble);
  if (!(told_.fetch_or(bit) & bit) && report_) report_("program cache: " + problem);
} catch (...) {}

void ProgramStore::tell(Trouble otherwise, const std::exception& error) noexcept try {
  Trouble trouble = otherwise;
  if (const auto* known = dynamic_cast<const CacheError*>(&error)) {
    if (known->kind == CacheError::Kind::Refused) trouble = Trouble::Refused;
    if (known->kind == CacheError::Kind::Damaged) trouble = Trouble::Damaged;
  }
  tell(trouble, error.what());
} catch (...) {}

std::shared_ptr<ProgramModule> ProgramStore::load(const ProgramId& id) noexcept try {
  if (folder_.empty()) return nullptr;
  const std::string hex = hexOf(id), name = hex + kEnding;
  const CacheFolder shelf = openShelf(CacheFolder::open(folder_, Missing::Leave), shelfOf(hex), Missing::Leave);
  if (!shelf) return nullptr;
  const std::optional<CacheFolder::File> file = shelf.read(name, kMaxProgramBytes);
  if (!file) return nullptr;
  std::string wrong;
  try {
    std::shared_ptr<ProgramModule> module = decodeModule(file->bytes);
    if (module->id == id) {
      CacheFolder::markUsed(*file);
      return module;
    }
    wrong = "it holds " + hexOf(module->id);
  } catch (const Error& error) {
    wrong = error.what();
  }
  shelf.remove(name, *file);
  if (isOfAnotherVersion(file->bytes)) return nullptr;
  tell(Trouble::Damaged, name + " in " + folder_ + " was damaged and has been removed (" + wrong + ")");
  return nullptr;
} catch (const std::exception& error) {
  tell(Trouble::Unreadable, error);
  return nullptr;
}

bool ProgramStore::store(const ProgramModule& module) noexcept try {
  if (folder_.empty()) return false;
  const std::string hex = hexOf(module.id);
  const std::vector<uint8_t> bytes = encodeModule(module);
  if (bytes.size() > std::min(kMaxProgramBytes, limits_.mostBytes)) {
    tell(Trouble::TooLarge, "program " + module.info.name + " has " + std::to_string(bytes.size()) +
                                " bytes, the cache takes at most " +
                                std::to_string(std::min(kMaxProgramBytes, limits_.mostBytes)));
    return false;
  }
  for (int attempt = 0; attempt < 2; ++attempt) {  // again where someone is emptying the folder this moment
    const CacheFolder root = CacheFolder::open(folder_, Missing::Make);
    const CacheFolder shelf = openShelf(root, shelfOf(hex), Missing::Make);
    if (!shelf || !shelf.write(hex + kEnding, bytes)) continue;
    keepToLimits(root, bytes.size());
    return true;
  }
  return false;
} catch (const std::exception& error) {
  tell(Trouble::Unwritable, error);
  return false;
}

// Every process counts what it writes itself and looks at the whole folder now and then: so often that sixteen of them,
// each with a sixteenth of the room there was, stay within it, and no more often than every 64th of the limit.
void ProgramStore::keepToLimits(const CacheFolder& root, uint64_t written) try {
  room_->bytesLeft -= int64_t(written);
  room_->filesLeft -= 1;
  if (room_->bytesLeft >= 0 && room_->filesLeft >= 0) return;
  std::unique_lock alone(room_->sweeping, std::try_to_lock);
  if (alone) sweep(root);
} catch (const std::exception& error) {
  tell(Trouble::Unwritable, error);
}

struct ProgramStore::Kept {
  uint32_t shelf;
  CacheFolder::Entry entry;
};

void ProgramStore::sweep(const CacheFolder& root) {
  const CacheFolder programs = root.below(kPrograms, Missing::Leave);
  if (!programs) return;
  uint64_t bytes = 0, count = 0;
  std::vector<Kept> files;
  auto shelfName = [](uint32_t index) {
    return std::string{"0123456789abcdef"[index / 16], "0123456789abcdef"[index % 16]};
  };
  if (!programs.tryLock()) {  // another process is at it
    bytes = limits_.mostBytes - limits_.mostBytes / 64;
    count = limits_.mostFiles - limits_.mostFiles / 64;
  } else {
    root.sweep();
    for (uint32_t index = 0; index < 256; ++index) {
      const CacheFolder shelf = programs.below(shelfName(index), Missing::Leave);
      if (!shelf) continue;
      for (CacheFolder::Entry& entry : shelf.sweep()) {
        if (!entry.name.ends_with(kEnding)) continue;
        bytes += entry.bytes;
        files.push_back({index, std::move(entry)});
      }
    }
    if (bytes > limits_.mostBytes || files.size() > limits_.mostFiles) {
      std::sort(files.begin(), files.end(),
                [](const Kept& a, const Kept& b) { return a.entry.usedNs > b.entry.usedNs; });
      // Down to seven eighths, that not every store has to remove something. Another process may have been quicker: no
      // matter.
      while (!files.empty() &&
             (bytes > limits_.mostBytes / 8 * 7 || files.size() > limits_.mostFiles - limits_.mostFiles / 8)) {
        const Kept& oldest = files.back();
        if (const CacheFolder shelf = programs.below(shelfName(oldest.shelf), Missing::Leave))
          shelf.remove(oldest.entry.name);
        bytes -= oldest.entry.bytes;
        files.pop_back();
      }
    }
    count = files.size();
  }
  auto share = [](uint64_t limit, uint64_t used) {
    const uint64_t room = limit - std::min(limit, used);
    return int64_t(std::min(room, std::max(room / 16, limit / 64)));
  };
  room_->bytesLeft = share(limits_.mostBytes, bytes);
  room_->filesLeft = share(limits_.mostFiles, count);
}

std::vector<ProgramId> ProgramStore::loadWarmUp() noexcept try {
  if (folder_.empty()) return {};
  const CacheFolder root = CacheFolder::open(folder_, Missing::Leave);
  const auto content = root ? root.readSealed(kWarmUp, kWarmUpMagic, kMaxWarmUp * sizeof(ProgramId)) : std::nullopt;
  std::vector<ProgramId> ids(content ? content->size() / sizeof(ProgramId) : 0);
  if (!ids.empty()) std::memcpy(ids.data(), content->data(), ids.size() * sizeof(ProgramId));
  return ids;
} catch (const std::exception& error) {
  tell(Trouble::Unreadable, error);
  return {};
}

bool ProgramStore::storeWarmUp(std::span<const ProgramId> ids) noexcept try {
  if (folder_.empty()) return false;
  ids = ids.first(std::min(ids.size(), kMaxWarmUp));
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(ids.data()), ids.size_bytes());
  return CacheFolder::open(folder_, Missing::Make).writeSealed(kWarmUp, kWarmUpMagic, bytes);
} catch (const std::exception& error) {
  tell(Trouble::Unwritable, error);
  return false;
}

}  // namespace switchyard
