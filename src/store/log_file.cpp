#include "store/log_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace switchyard::store {
namespace {

constexpr uint64_t kScanBytes = 1 << 20;  // read at a time where a file is gone through
constexpr const char* kNotWritten = "is not what was written";

bool isPlausible(const RecordHeader& header) {
  return header.kind >= Kind::Put && header.kind <= Kind::Record && header.keyBytes <= kMostKeyBytes &&
         header.valueBytes <= kMostValueBytes && header.reserved == 0;
}

// Reads a file from the front to the back, a piece at a time, or more where a record is larger.
class Reader {
 public:
  Reader(File& file, uint64_t size) : file_(file), size_(size) {}
  uint64_t size() const { return size_; }
  // Null: the file ends before that.
  const std::byte* at(uint64_t offset, uint64_t bytes) {
    if (offset + bytes > size_) return nullptr;
    if (offset < from_ || offset + bytes > from_ + buffer_.size()) {
      fill(offset, bytes);
      if (buffer_.size() < bytes) return nullptr;
    }
    return buffer_.data() + (offset - from_);
  }

 private:
  // With more behind it, where that can be read.
  void fill(uint64_t offset, uint64_t bytes) {
    from_ = offset;
    for (const uint64_t most : {std::max(bytes, kScanBytes), bytes}) {
      buffer_.resize(std::min(most, size_ - offset));
      try {
        buffer_.resize(file_.read(offset, buffer_));
        return;
      } catch (const Error&) {
        buffer_.clear();
        if (most == bytes) throw;
      }
    }
  }

  File& file_;
  const uint64_t size_;
  uint64_t from_ = 0;
  std::vector<std::byte> buffer_;
};

// The record there, where it is whole.
const std::byte* wholeRecord(Reader& reader, uint64_t salt, uint64_t offset, RecordHeader& header) {
  const std::byte* at = reader.at(offset, sizeof header);
  if (!at) return nullptr;
  std::memcpy(&header, at, sizeof header);
  if (!isRecord(header, salt, offset) || !isPlausible(header)) return nullptr;
  const uint64_t bytes = recordBytes(header.keyBytes, header.valueBytes);
  at = reader.at(offset, bytes);
  if (!at) return nullptr;
  const Bytes body{at + sizeof header, bytes - sizeof header};
  return checksum(body, seedAt(salt, offset)) == header.bodyCheck ? at : nullptr;
}

std::string_view textAt(const std::byte* at, size_t bytes) { return {reinterpret_cast<const char*>(at), bytes}; }

LogEntry entryOf(const RecordHeader& header, uint64_t offset, std::string_view key) {
  return {header.sequence, offset, header.expiry, header.valueBytes, header.kind, key};
}

}  // namespace

Error damaged(const std::string& path, uint64_t offset, const std::string& what) {
  return {Code::Damaged, "the store's file '" + path + "' is damaged at offset " + std::to_string(offset) + ": " +
                             what + ". What helps: a snapshot, by restoreStore()"};
}

LogFile::LogFile(std::unique_ptr<File> file, std::string path, uint64_t id, uint64_t salt)
    : recordsEnd(sizeof(LogHeader)), file_(std::move(file)), path_(std::move(path)), id_(id), salt_(salt) {}

std::shared_ptr<LogFile> LogFile::create(Files& files, const std::string& folder, uint64_t id) {
  const std::string path = folder + "/" + logName(id);
  auto file = files.open(path, Files::Open::CreateNew);
  LogHeader header{.file = id, .salt = freshSalt()};
  sealBlock(header, 0);
  file->write(0, asBytes(&header, sizeof header));
  file->sync();
  std::shared_ptr<LogFile> log(new LogFile(std::move(file), path, id, header.salt));
  log->bytes = sizeof header;
  return log;
}

std::shared_ptr<LogFile> LogFile::open(Files& files, const std::string& folder, uint64_t id, Files::Open how) {
  const std::string path = folder + "/" + logName(id);
  auto file = files.open(path, how);
  if (!file) return nullptr;
  LogHeader header;
  if (!readAll(*file, 0, {reinterpret_cast<std::byte*>(&header), sizeof header}) || header.magic != kLogMagic ||
      !isWhole(header, 0) || header.file != id)
    throw damaged(path, 0, std::string("its header ") + kNotWritten);
  std::shared_ptr<LogFile> log(new LogFile(std::move(file), path, id, header.salt));
  log->bytes = log->file_->size();
  return log;
}

void LogFile::readRecord(uint64_t offset, uint64_t sequence, std::span<std::byte> into) const {
  RecordHeader header;
  if (!readAll(*file_, offset, into)) throw damaged(path_, offset, "the file ends inside of a record");
  std::memcpy(&header, into.data(), sizeof header);
  if (!isRecord(header, salt_, offset) || header.sequence != sequence ||
      recordBytes(header.keyBytes, header.valueBytes) != into.size())
    throw damaged(path_, offset, std::string("the header of a record ") + kNotWritten);
  if (checksum(into.subspan(sizeof header), seedAt(salt_, offset)) != header.bodyCheck)
    throw damaged(path_, offset, std::string("the content of a record ") + kNotWritten);
}

LogFooter LogFile::readFooter() const {
  LogFooter footer;
  const uint64_t size = file_->size();
  const uint64_t at = size - std::min<uint64_t>(size, sizeof footer);
  const bool isRead = readAll(*file_, at, {reinterpret_cast<std::byte*>(&footer), sizeof footer});
  if (!isRead || footer.magic != kLogEndMagic || !isWhole(footer, salt_) || footer.file != id_ ||
      footer.indexOffset + footer.indexBytes != at)
    throw damaged(path_, at, std::string("the end of the file ") + kNotWritten);
  return footer;
}

LogIndex LogFile::parseIndex(std::vector<std::byte> block, const LogFooter& footer) const {
  if (checksum(block, seedAt(salt_, footer.indexOffset)) != footer.indexCheck)
    throw damaged(path_, footer.indexOffset, std::string("the index of the file ") + kNotWritten);
  LogIndex index;
  index.block = std::move(block);
  index.entries.reserve(footer.records);
  for (uint64_t at = 0; at < index.block.size();) {
    IndexEntry entry;
    std::memcpy(&entry, index.block.data() + at, sizeof entry);
    const std::string_view key = textAt(index.block.data() + at + sizeof entry, entry.keyBytes);
    index.entries.push_back({entry.sequence, entry.offset, entry.expiry, entry.valueBytes, entry.kind, key});
    at += indexEntryBytes(entry.keyBytes);
  }
  return index;
}

LogIndex LogFile::readIndex() const {
  const LogFooter footer = readFooter();
  std::vector<std::byte> block(footer.indexBytes);
  if (!readAll(*file_, footer.indexOffset, block))
    throw damaged(path_, footer.indexOffset, "the file ends inside of its index");
  return parseIndex(std::move(block), footer);
}

LogIndex LogFile::replay(Tail& tail) const {
  LogIndex index;
  uint64_t at = sizeof(LogHeader), last = 0;
  const auto read = [&] {
    Reader reader(*file_, file_->size());
    RecordHeader header;
    while (const std::byte* record = wholeRecord(reader, salt_, at, header)) {
      if (header.sequence <= last) break;  // what a write that failed has left, and later ones did not reach
      last = header.sequence;
      index.copies.emplace_back(textAt(record + sizeof header, header.keyBytes));
      index.entries.push_back(entryOf(header, at, index.copies.back()));
      at += recordBytes(header.keyBytes, header.valueBytes);
    }
    return reader.size();
  };
  for (uint64_t size = read();;) {
    try {
      refuseDamageAt(at, tail, size);
      return index;
    } catch (const Error& failed) {
      // Beside a writer, what was not there a moment ago may be whole now.
      const uint64_t before = at;
      size = read();
      if (failed.code != Code::Damaged || at == before) throw;
    }
  }
}

LogIndex LogFile::scan(uint64_t records) const {
  LogIndex index;
  Reader reader(*file_, file_->size());
  RecordHeader header;
  for (uint64_t at = sizeof(LogHeader); index.entries.size() < records;) {
    const std::byte* const record = wholeRecord(reader, salt_, at, header);
    if (!record) throw damaged(path_, at, std::string("a record, and so is the index of the file, ") + kNotWritten);
    index.copies.emplace_back(textAt(record + sizeof header, header.keyBytes));
    index.entries.push_back(entryOf(header, at, index.copies.back()));
    at += recordBytes(header.keyBytes, header.valueBytes);
  }
  return index;
}

// Whatever was on the disk when a later record was written, as that record says, was there to stay. What comes after
// it, whole or not, nobody was told of. An index and a footer that were being written are neither.
void LogFile::refuseDamageAt(uint64_t end, Tail& tail, uint64_t size) const {
  tail = {end, 0};
  Reader reader(*file_, size);
  uint64_t lastUsed = end;
  for (uint64_t at = end; const std::byte* word = reader.at(at, sizeof(uint64_t)); at += sizeof(uint64_t)) {
    uint64_t value;
    std::memcpy(&value, word, sizeof value);
    if (value == 0) continue;
    lastUsed = at + sizeof value;
    RecordHeader header;
    const std::byte* place = reader.at(at, sizeof header);
    if (!place) continue;
    std::memcpy(&header, place, sizeof header);
    if (isPlausible(header) && isRecord(header, salt_, at) && header.synced > end)
      throw damaged(path_, end, std::string("a record that had been written to the disk ") + kNotWritten);
  }
  LogFooter footer;
  if (lastUsed >= end + sizeof footer &&
      readAll(*file_, lastUsed - sizeof footer, {reinterpret_cast<std::byte*>(&footer), sizeof footer}) &&
      footer.magic == kLogEndMagic && isWhole(footer, salt_) && footer.indexOffset == end)
    return;
  tail.torn = lastUsed - end;
}

uint64_t LogFile::verify(bool sealed, uint64_t end, std::vector<Problem>& problems) const {
  const auto add = [&](uint64_t offset, const std::string& what) { problems.push_back({path_, offset, what}); };
  try {
    LogHeader head;
    if (!readAll(*file_, 0, {reinterpret_cast<std::byte*>(&head), sizeof head}) || !isWhole(head, 0) ||
        head.file != id_ || head.salt != salt_)
      add(0, std::string("the header ") + kNotWritten);
  } catch (const Error& failed) {
    add(0, failed.what());
  }
  LogIndex index;
  if (sealed) {
    try {
      const LogFooter footer = readFooter();
      end = footer.indexOffset;
      index = readIndex();
    } catch (const Error& failed) {
      add(end, failed.what());
    }
  }
  Reader reader(*file_, end);
  uint64_t right = 0;
  RecordHeader header;
  for (uint64_t at = sizeof(LogHeader); at < end;) {
    try {
      if (wholeRecord(reader, salt_, at, header)) {
        ++right;
        at += recordBytes(header.keyBytes, header.valueBytes);
        continue;
      }
      add(at, std::string("a record ") + kNotWritten);
    } catch (const Error& failed) {
      add(at, failed.what());
    }
    // Where the next one begins the index knows.
    const auto next = std::find_if(index.entries.begin(), index.entries.end(),
                                   [&](const LogEntry& entry) { return entry.offset > at; });
    if (next == index.entries.end()) break;
    at = next->offset;
  }
  return right;
}

}  // namespace switchyard::store
