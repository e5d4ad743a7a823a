// Collections: records of their own in the log, and files that a checkpoint puts in the place of those.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace switchyard::store {
namespace {

constexpr uint64_t kReadBytes = 4 << 20;  // of records, at a time

Error noFile(const std::string& name, const std::string& collection) {
  return {Code::NotFound, "the collection '" + collection + "' has no file '" + name + "'"};
}

}  // namespace

Collection& Store::collectionOf(uint64_t id) {
  const auto at = collections_.find(id);
  if (at == collections_.end()) throw Error(Code::Closed, "the collection was dropped");
  return at->second;
}

const Collection& Store::collectionOf(uint64_t id) const { return const_cast<Store*>(this)->collectionOf(id); }

uint64_t Store::collection(const std::string& name) {
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, collection] : collections_)
      if (collection.name == name) return id;
  }
  if (options_.readOnly)
    throw Error(Code::NotFound,
                "the store '" + path_ + "' has no collection '" + name + "', and is open to read alone");
  checkMayChange();
  Manifest with = currentManifest();
  const uint64_t id = with.nextCollection++;
  with.collections.push_back({.id = id, .name = name});
  syncWriter();  // what was written before it is there, too
  publish(with);
  std::lock_guard lock(mutex_);
  nextCollection_ = id + 1;
  collections_[id].name = name;
  return id;
}

void Store::drop(uint64_t id) {
  checkMayChange();
  Manifest with = currentManifest();
  if (!std::erase_if(with.collections, [&](const auto& collection) { return collection.id == id; })) return;
  syncWriter();  // what was written before it is there, too
  publish(with);
  Collection dropped;
  {
    std::lock_guard lock(mutex_);
    dropped = std::move(collectionOf(id));
    for (const RecordPlace& record : dropped.records) record.place.log->live -= record.bytes;
    collections_.erase(id);
  }
  for (const auto* files : {&dropped.files, &dropped.staged})
    for (const auto& [name, data] : *files) removeUnlessFailed(data->path());
}

// In one step, that of the manifest: from then on a recovery gives these files, this state, and the records after
// `through`.
void Store::checkpoint(const Checkpoint& checkpoint) {
  checkMayChange();
  Manifest with = currentManifest();
  std::map<std::string, std::shared_ptr<DataFile>, std::less<>> files;
  {
    std::lock_guard lock(mutex_);
    const Collection& collection = collectionOf(checkpoint.collection);
    if (checkpoint.through < collection.through || checkpoint.through > acknowledged_)
      throw Error(Code::InvalidArgument, "'through' is " + std::to_string(checkpoint.through) + ", but must be from " +
                                             std::to_string(collection.through) +
                                             ", where the last checkpoint was, to " + std::to_string(acknowledged_) +
                                             ", the last record");
    for (const std::string& name : checkpoint.files) {
      auto at = collection.staged.find(name);
      if (at == collection.staged.end()) at = collection.files.find(name);
      if (at == collection.files.end()) throw noFile(name, collection.name);
      files[name] = at->second;
    }
  }
  for (Manifest::Collection& entry : with.collections) {
    if (entry.id != checkpoint.collection) continue;
    entry.through = checkpoint.through;
    entry.state = checkpoint.state;
    entry.files.clear();
    for (const auto& [name, data] : files) entry.files.push_back({name, data->id(), data->bytes()});
  }
  syncWriter();  // the records that it stands for are after writes that have to be there, too
  publish(with);
  // It holds from here on, in memory as on the disk; what can't be removed then is a stranger to the next opening.
  std::map<std::string, std::shared_ptr<DataFile>, std::less<>> replaced;
  {
    std::lock_guard lock(mutex_);
    Collection& collection = collectionOf(checkpoint.collection);
    collection.through = checkpoint.through;
    collection.state = checkpoint.state;
    for (auto& records = collection.records; !records.empty() && records.front().sequence <= checkpoint.through;) {
      records.front().place.log->live -= records.front().bytes;
      records.pop_front();
    }
    for (const auto& [name, data] : files) collection.staged.erase(name);
    replaced = std::exchange(collection.files, files);
  }
  std::erase_if(replaced, [&](const auto& entry) { return files.contains(entry.first); });
  for (const auto& [name, data] : replaced) removeUnlessFailed(data->path());
}

Store::Found Store::recover(uint64_t id) const {
  std::lock_guard lock(mutex_);
  const Collection& collection = collectionOf(id);
  Found found{.through = collection.through, .state = collection.state, .records = collection.records.size()};
  for (const auto& [name, data] : collection.files) found.files.push_back({name, data->id(), data->bytes()});
  return found;
}

std::vector<std::pair<uint64_t, Value>> Store::readRecords(uint64_t id, uint64_t after) const {
  struct Part {
    RecordPlace record;
    std::shared_ptr<const LogFile> log;
  };
  std::vector<Part> parts;
  {
    std::lock_guard lock(mutex_);
    const Collection& collection = collectionOf(id);
    if (after < collection.through)
      throw Error(Code::InvalidArgument, "records after " + std::to_string(after) +
                                             " are asked for, but a checkpoint " +
                                             "has taken the place of those up to " +
                                             std::to_string(collection.through) + ": recover() has what there is");
    const auto& records = collection.records;
    auto at = std::upper_bound(records.begin(), records.end(), after,
                               [](uint64_t sequence, const RecordPlace& record) { return sequence < record.sequence; });
    for (uint64_t bytes = 0; at != records.end() && bytes < kReadBytes; bytes += at->bytes, ++at)
      parts.push_back({*at, at->place.log->shared_from_this()});
  }
  std::vector<std::pair<uint64_t, Value>> values;
  for (const Part& part : parts) {
    auto block = HostPool::shared().acquire(part.record.bytes);
    part.log->readRecord(part.record.place.offset, part.record.sequence, {block->data, part.record.bytes});
    RecordHeader header;
    std::memcpy(&header, block->data, sizeof header);
    const uint64_t offset = sizeof header + header.keyBytes;
    values.push_back({part.record.sequence, {std::move(block), offset, header.valueBytes}});
  }
  return values;
}

std::unique_ptr<DataWriter> Store::beginFile(uint64_t id, const std::string& name) {
  checkMayChange();
  {
    std::lock_guard lock(mutex_);
    const Collection& collection = collectionOf(id);
    if (collection.files.contains(name) || collection.staged.contains(name))
      throw Error(Code::InvalidArgument,
                  "the collection '" + collection.name + "' has a file '" + name + "' already; choose another name");
  }
  return std::make_unique<DataWriter>(files_, path_, nextFile_++);
}

std::shared_ptr<DataFile> Store::endFile(uint64_t id, const std::string& name, DataWriter& writer) {
  writer.finish();
  auto data = DataFile::open(files_, path_, writer.id());
  if (!data) throw damaged(writer.path(), 0, "the file is gone");
  std::lock_guard lock(mutex_);
  Collection& collection = collectionOf(id);
  if (!collection.staged.emplace(name, data).second)
    throw Error(Code::InvalidArgument,
                "the collection '" + collection.name + "' has a file '" + name + "' already; choose another name");
  return data;
}

std::shared_ptr<DataFile> Store::file(uint64_t id, const std::string& name) const {
  std::lock_guard lock(mutex_);
  const Collection& collection = collectionOf(id);
  for (const auto* files : {&collection.staged, &collection.files})
    if (const auto at = files->find(name); at != files->end()) return at->second;
  throw noFile(name, collection.name);
}

}  // namespace switchyard::store
