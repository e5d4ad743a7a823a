#include "store/object_index.h"

#include <algorithm>

namespace switchyard::store {
namespace {

bool isOver(int64_t expiry, int64_t now) { return expiry != 0 && expiry <= now; }

Object objectOf(const LogEntry& entry, LogFile* log, int64_t now) {
  return {.sequence = entry.sequence,
          .place = {log, entry.offset},
          .expiry = entry.expiry,
          .valueBytes = entry.valueBytes,
          .kind = entry.kind,
          .isGone = entry.kind == Kind::Delete || isOver(entry.expiry, now)};
}

// A deletion counts while it is needed, a value while it has not expired.
bool counts(const Object& object) { return object.isGone ? object.kind == Kind::Delete : true; }

}  // namespace

void ObjectIndex::countIn(std::string_view key, const Object& object) {
  if (counts(object)) object.place.log->live += recordBytes(key.size(), object.valueBytes);
  if (object.isGone) return;
  ++count_;
  valueBytes_ += object.valueBytes;
  if (object.expiry != 0) due_.emplace(object.expiry, key);
}

void ObjectIndex::countOut(std::string_view key, const Object& object) {
  if (counts(object)) object.place.log->live -= recordBytes(key.size(), object.valueBytes);
  if (object.isGone) return;
  --count_;
  valueBytes_ -= object.valueBytes;
  if (object.expiry != 0) due_.erase({object.expiry, std::string(key)});
}

void ObjectIndex::remove(Map::iterator at) {
  countOut(at->first, at->second);
  objects_.erase(at);
}

bool ObjectIndex::apply(const LogEntry& entry, LogFile* log, int64_t now) {
  Object object = objectOf(entry, log, now);
  const auto at = objects_.lower_bound(entry.key);
  if (at == objects_.end() || at->first != entry.key) {
    if (entry.kind == Kind::Delete) return false;  // of nothing: nothing needs it
    objects_.emplace_hint(at, entry.key, object);
    countIn(entry.key, object);
    return false;
  }
  Object& old = at->second;
  const bool had = !old.isGone && !isOver(old.expiry, now);
  countOut(entry.key, old);
  object.stale = old.stale + (old.kind == Kind::Put ? 1 : 0);
  old = object;
  countIn(entry.key, old);
  forgetStale(at);
  return had;
}

// A deletion of what is not on the disk any more is needed no longer.
void ObjectIndex::forgetStale(Map::iterator at) {
  if (at->second.kind == Kind::Delete && at->second.stale == 0) remove(at);
}

const Object* ObjectIndex::any(std::string_view key) const {
  const auto at = objects_.find(key);
  return at == objects_.end() ? nullptr : &at->second;
}

const Object* ObjectIndex::find(std::string_view key, int64_t now) const {
  const Object* object = any(key);
  return object && !object->isGone && !isOver(object->expiry, now) ? object : nullptr;
}

void ObjectIndex::fill(std::vector<Found>& found, int64_t now) {
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    const int order = a.entry.key.compare(b.entry.key);
    return order != 0 ? order < 0 : a.entry.sequence < b.entry.sequence;
  });
  for (size_t i = 0; i < found.size();) {
    uint32_t values = 0;
    size_t last = i;
    for (; last < found.size() && found[last].entry.key == found[i].entry.key; ++last)
      values += found[last].entry.kind == Kind::Put;
    const Found& newest = found[last - 1];
    Object object = objectOf(newest.entry, newest.log, now);
    object.stale = values - (object.kind == Kind::Put ? 1 : 0);
    i = last;
    if (object.kind == Kind::Delete && object.stale == 0) continue;
    objects_.emplace_hint(objects_.end(), newest.entry.key, object);
    countIn(newest.entry.key, object);
  }
}

bool ObjectIndex::expire(int64_t now, size_t most) {
  for (; !due_.empty() && due_.begin()->first <= now; --most) {
    if (most == 0) return true;
    const auto at = objects_.find(due_.begin()->second);
    countOut(at->first, at->second);
    at->second.isGone = true;
    countIn(at->first, at->second);
  }
  return false;
}

ObjectIndex::Fate ObjectIndex::fateOf(const LogEntry& entry) const {
  const Object* object = any(entry.key);
  if (!object || object->sequence != entry.sequence) return Fate::Drop;
  if (!object->isGone) return Fate::Keep;
  if (object->stale == 0) return Fate::Drop;
  return Fate::KeepAsDelete;
}

void ObjectIndex::moved(const LogEntry& entry, Fate kept, Place to) {
  const auto at = objects_.find(entry.key);
  if (at == objects_.end()) return;
  Object& object = at->second;
  const bool becomesDelete = kept == Fate::KeepAsDelete && entry.kind == Kind::Put;
  if (object.sequence != entry.sequence) {  // overwritten meanwhile: a value less on the disk, or the same as before
    if (becomesDelete) lose(at);
    return;
  }
  countOut(at->first, object);
  object.place = to;
  if (becomesDelete) {
    object.kind = Kind::Delete;
    object.valueBytes = 0;
    object.expiry = 0;
  }
  countIn(at->first, object);
  forgetStale(at);  // the values that it was needed for may have gone with the same files
}

void ObjectIndex::dropped(const LogEntry& entry) {
  const auto at = objects_.find(entry.key);
  if (at == objects_.end()) return;
  if (at->second.sequence == entry.sequence)
    remove(at);
  else if (entry.kind == Kind::Put)
    lose(at);
}

void ObjectIndex::lose(Map::iterator at) {
  --at->second.stale;
  forgetStale(at);
}

}  // namespace switchyard::store
