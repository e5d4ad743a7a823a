#include "cache_shelf.h"

#include <algorithm>

#include "cache_folder.h"

namespace switchyard {
namespace {

using Missing = CacheFolder::Missing;

CacheFolder openShelf(const CacheShelf& shelf, Missing missing) {
  const CacheFolder root = shelf.folder.empty() ? CacheFolder() : CacheFolder::open(shelf.folder, missing);
  return root ? root.below(shelf.name, missing) : CacheFolder();
}

// Down to seven eighths, that not every writer has to remove something. Where another process is at it, that is enough.
void keepToLimit(const CacheFolder& folder, const std::string& written, uint64_t mostBytes) {
  std::vector<CacheFolder::Entry> files = folder.sweep();
  uint64_t bytes = 0;
  for (const CacheFolder::Entry& file : files) bytes += file.bytes;
  if (bytes <= mostBytes || !folder.tryLock()) return;
  std::ranges::sort(files, {}, &CacheFolder::Entry::usedNs);
  for (const CacheFolder::Entry& file : files) {
    if (bytes <= mostBytes / 8 * 7) break;
    if (file.name == written) continue;
    folder.remove(file.name);
    bytes -= file.bytes;
  }
}

}  // namespace

std::optional<std::vector<uint8_t>> CacheShelf::read(const std::string& file) const {
  const CacheFolder folder = openShelf(*this, Missing::Leave);
  return folder ? folder.readSealed(file, magic, mostBytes) : std::nullopt;
}

bool CacheShelf::read(const std::string& file, const Room& room) const {
  const CacheFolder folder = openShelf(*this, Missing::Leave);
  return folder && folder.readSealed(file, magic, mostBytes, room);
}

bool CacheShelf::write(const std::string& file, std::span<const uint8_t> content) const {
  if (content.size() > mostBytes) return false;
  for (int attempt = 0; attempt < 2; ++attempt) {  // again where someone is emptying the folder this moment
    const CacheFolder folder = openShelf(*this, Missing::Make);
    if (!folder || !folder.writeSealed(file, magic, content)) continue;
    keepToLimit(folder, file, mostBytes);
    return true;
  }
  return false;
}

}  // namespace switchyard
