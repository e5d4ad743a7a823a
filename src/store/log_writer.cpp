// Appending to a file of the log. A file grows in steps, ahead of its records, so that a sync has no new size to write.
#include <algorithm>
#include <cstring>
#include <utility>

#include "store/log_file.h"

namespace switchyard::store {
namespace {

constexpr uint64_t kBuffer = 4 << 20;   // records are collected up to that
constexpr uint64_t kLarge = 128 << 10;  // from there on one goes by itself, from where it lies
constexpr uint64_t kMostStep = 16 << 20;

}  // namespace

LogWriter::LogWriter(std::shared_ptr<LogFile> log, uint64_t mostBytes)
    : log_(std::move(log)), mostBytes_(mostBytes), at_{.end = log_->recordsEnd}, flushed_(at_.end), synced_(at_.end) {}

LogWriter::LogWriter(std::shared_ptr<LogFile> log, const LogIndex& index, uint64_t end)
    : log_(std::move(log)), mostBytes_(end), at_{.end = end}, flushed_(end), synced_(sizeof(LogHeader)) {
  for (const LogEntry& entry : index.entries)
    keep({.sequence = entry.sequence,
          .offset = entry.offset,
          .expiry = entry.expiry,
          .valueBytes = entry.valueBytes,
          .keyBytes = static_cast<uint16_t>(entry.key.size()),
          .kind = entry.kind},
         entry.key);
}

void LogWriter::keep(const IndexEntry& entry, std::string_view key) {
  index_.resize(at_.indexBytes + indexEntryBytes(key.size()));
  std::byte* const to = index_.data() + at_.indexBytes;
  std::memcpy(to, &entry, sizeof entry);
  std::memcpy(to + sizeof entry, key.data(), key.size());
  at_.indexBytes = index_.size();
  at_.lastSequence = std::max(at_.lastSequence, entry.sequence);
  ++at_.records;
}

uint64_t LogWriter::sizeWith(uint64_t keyBytes, uint64_t valueBytes) const {
  return at_.end + recordBytes(keyBytes, valueBytes) + at_.indexBytes + indexEntryBytes(keyBytes) + sizeof(LogFooter);
}

uint64_t LogWriter::append(const RecordParts& parts) {
  const uint64_t bytes = recordBytes(parts.key.size(), parts.valueBytes), offset = at_.end;
  if (bytes >= kLarge) {
    writeLarge(parts, bytes);
  } else {
    if (buffer_.size() + bytes > kBuffer) flush();
    const size_t at = buffer_.size();
    buffer_.resize(at + bytes);
    encodeRecord(parts, log_->salt(), offset, synced_, buffer_.data() + at);
  }
  at_.end += bytes;
  keep({.sequence = parts.sequence,
        .offset = offset,
        .expiry = parts.expiry,
        .valueBytes = static_cast<uint32_t>(parts.valueBytes),
        .keyBytes = static_cast<uint16_t>(parts.key.size()),
        .kind = parts.kind},
       parts.key);
  return offset;
}

uint64_t LogWriter::ahead(uint64_t end) const {
  if (end <= log_->bytes) return log_->bytes;
  const uint64_t step = std::clamp(padded(log_->bytes), kLeastStep, kMostStep);
  return std::max(end, std::min(end + step, mostBytes_));
}

uint64_t LogWriter::allocatedWith(uint64_t keyBytes, uint64_t valueBytes) const {
  return ahead(sizeWith(keyBytes, valueBytes));
}

void LogWriter::reserve(uint64_t end) {
  if (end <= log_->bytes) return;
  uint64_t bytes = ahead(end);
  try {
    log_->file().allocate(bytes);
  } catch (const Error&) {  // a full disk may still have room for what is needed
    if (bytes == end) throw;
    bytes = end;
    log_->file().allocate(bytes);
  }
  log_->bytes = bytes;
}

void LogWriter::flush() {
  if (buffer_.empty()) return;
  reserve(flushed_ + buffer_.size());
  touched_ = flushed_ + buffer_.size();
  log_->file().write(flushed_, buffer_);
  flushed_ += buffer_.size();
  buffer_.clear();
}

// Without a copy of it in between.
void LogWriter::writeLarge(const RecordParts& parts, uint64_t bytes) {
  static constexpr std::byte kPadding[sizeof(uint64_t)] = {};
  flush();
  reserve(flushed_ + bytes);
  const RecordHeader header = headerOf(parts, log_->salt(), flushed_, synced_);
  const uint64_t used = sizeof header + parts.key.size() + parts.valueBytes;
  std::vector<Bytes> pieces{asBytes(&header, sizeof header), asBytes(parts.key.data(), parts.key.size())};
  pieces.insert(pieces.end(), parts.value.begin(), parts.value.end());
  pieces.push_back(Bytes(kPadding).first(bytes - used));
  touched_ = flushed_ + bytes;
  log_->file().writePieces(flushed_, pieces);
  flushed_ += bytes;
}

void LogWriter::sync() {
  log_->file().sync();
  synced_ = flushed_;
}

void LogWriter::rollBack(const Mark& mark) {
  buffer_.clear();
  flushed_ = mark.end;
  at_ = mark;
  index_.resize(mark.indexBytes);
  if (touched_ <= mark.end) return;
  // Whole records may stand there: a recovery would take them, or the first of them before later ones in their place.
  log_->file().truncate(mark.end);
  log_->bytes = mark.end;
  touched_ = mark.end;
  sync();
}

void LogWriter::seal(bool& isSyncing) {
  flush();
  LogFooter footer{.file = log_->id(),
                   .indexOffset = at_.end,
                   .indexBytes = at_.indexBytes,
                   .records = at_.records,
                   .lastSequence = at_.lastSequence,
                   .indexCheck = checksum(index_, seedAt(log_->salt(), at_.end))};
  sealBlock(footer, log_->salt());
  const uint64_t end = at_.end + at_.indexBytes, bytes = end + sizeof footer;
  reserve(bytes);
  log_->file().write(at_.end, index_);
  log_->file().write(end, asBytes(&footer, sizeof footer));
  log_->file().truncate(bytes);
  isSyncing = true;
  log_->file().sync();
  log_->bytes = bytes;
}

}  // namespace switchyard::store
