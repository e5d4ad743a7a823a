// A file system in memory for the store's tests: it loses what was not made durable, and fails where it is told to.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "error.h"
#include "store/files.h"

namespace switchyard::store::test {

using Content = std::vector<std::byte>;

class FaultyFiles final : public Files {
 public:
  // What a disk that lies does: its syncs return, and nothing is on it.
  struct Lies {
    bool files = false, folders = false;
  };
  FaultyFiles() = default;
  explicit FaultyFiles(Lies lies) : lies_(lies) {}

  std::unique_ptr<File> open(const std::string& path, Open how) override;
  bool makeFolder(const std::string& path) override;
  std::optional<std::vector<std::string>> list(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  bool renameFolder(const std::string& from, const std::string& to) override;
  bool link(const std::string& from, const std::string& to) override;
  void remove(const std::string& path) override;
  void removeFolder(const std::string& path) override;
  void syncFolder(const std::string& path) override;

  // From the `at`-th operation on (from 1) nothing is done any more, as when the power is cut.
  void cutPowerAt(uint64_t at) { cutAt_ = at; }
  // The `at`-th operation fails, alone; or from then on all that take room, all that take more of it than they had, or
  // all reads.
  enum class Fails { Once, Room, MoreRoom, Reads };
  void failAt(uint64_t at, Fails what = Fails::Once) { failAt_ = at, fails_ = what; }
  void mend() { failAt_ = cutAt_ = UINT64_MAX, unreadable_ = {}; }
  // Whatever reads this byte fails, as with a bad sector.
  void makeUnreadable(const std::string& path, uint64_t offset) { unreadable_ = {path, offset}; }
  uint64_t operations() const { return operations_; }
  // What there is after a power cut: of all that was written since the last sync of its file or folder each sector and
  // each name as it was before, or as any of the writes since has left it.
  std::unique_ptr<FaultyFiles> afterPowerCut(std::mt19937_64& random) const;
  // After the process has died alone.
  std::unique_ptr<FaultyFiles> afterKill() const;
  // All files, to be changed by a test.
  std::map<std::string, Content*> contents();
  bool canLink = true;

 private:
  friend class FaultyFile;
  static constexpr uint64_t kSector = 512;
  struct Node {
    Content now, durable;
    std::map<uint64_t, std::vector<Content>> written;  // of each sector, since it was synced
    std::vector<uint64_t> sizes;                       // since then
    bool isLocked = false;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct Renaming {
    std::string from, to;  // empty: none
    std::shared_ptr<Node> node;
  };
  enum class Does { Read, Write, Overwrite, Room, Sync, Name };
  void count(Does what, const std::string& path);
  void apply(const Renaming& change, Names& names) const;
  void change(Renaming change);
  static void sync(Node& node);
  static void write(Node& node, uint64_t offset, Bytes bytes);
  static void resize(Node& node, uint64_t bytes);

  const Lies lies_;
  mutable std::recursive_mutex mutex_;
  Names names_, durableNames_;
  std::set<std::string> folders_;
  std::vector<Renaming> changes_;  // of names, not yet durable
  uint64_t operations_ = 0, cutAt_ = UINT64_MAX, failAt_ = UINT64_MAX;
  Fails fails_ = Fails::Once;
  std::pair<std::string, uint64_t> unreadable_;
};

}  // namespace switchyard::store::test
