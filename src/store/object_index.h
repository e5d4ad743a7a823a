// Which record of the log is the last of each key, and what must stay on the disk because of it.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/log_file.h"

namespace switchyard::store {

struct Place {
  LogFile* log = nullptr;  // which the store has in its list
  uint64_t offset = 0;
};

// The last record of a key.
struct Object {
  uint64_t sequence = 0;
  Place place;
  int64_t expiry = 0;
  uint32_t valueBytes = 0;
  // How many records with a value of this key are on the disk beside it. While there are some, one that says that it
  // is gone has to stay, or those would be found again.
  uint32_t stale = 0;
  Kind kind = Kind::Put;  // of the record
  bool isGone = false;    // deleted, or its time is over
};

// Under the store's mutex. It keeps the files' accounts of what counts in them.
class ObjectIndex {
 public:
  using Map = std::map<std::string, Object, std::less<>>;

  // What a record says that came after all others of its key, or before: then nothing. Whether the key had a value.
  bool apply(const LogEntry& entry, LogFile* log, int64_t now);
  // Null: there is none, or its time is over.
  const Object* find(std::string_view key, int64_t now) const;
  // Also where it is gone.
  const Object* any(std::string_view key) const;
  Map::const_iterator after(std::string_view key) const { return objects_.upper_bound(key); }
  Map::const_iterator from(std::string_view key) const { return objects_.lower_bound(key); }
  const Map& all() const { return objects_; }
  uint64_t count() const { return count_; }
  uint64_t valueBytes() const { return valueBytes_; }
  size_t expiring() const { return due_.size(); }  // how many will expire

  // All records that are on the disk, once.
  struct Found {
    LogEntry entry;
    LogFile* log;
  };
  void fill(std::vector<Found>& found, int64_t now);
  // Those whose time is over by now count no more, so many of them. Whether there may be others.
  bool expire(int64_t now, size_t most = SIZE_MAX);

  // What becomes of a record whose file is being replaced.
  enum class Fate { Drop, Keep, KeepAsDelete };
  Fate fateOf(const LogEntry& entry) const;
  // It stands in another file from now on, as `kept` says.
  void moved(const LogEntry& entry, Fate kept, Place to);
  // It is not on the disk any more.
  void dropped(const LogEntry& entry);

 private:
  void add(std::string_view key, const Object& object);
  void remove(Map::iterator at);
  void countIn(std::string_view key, const Object& object);
  void countOut(std::string_view key, const Object& object);
  void lose(Map::iterator at);
  void forgetStale(Map::iterator at);

  Map objects_;
  uint64_t count_ = 0, valueBytes_ = 0;
  std::set<std::pair<int64_t, std::string>> due_;  // by expiry, of each that has one and is not gone
};

}  // namespace switchyard::store
