#include "store/data_file.h"

#include <algorithm>
#include <cstring>

namespace switchyard::store {
namespace {

constexpr uint64_t kSyncBytes = 16 << 20;  // so that the last sync has little to wait for, and others' syncs, too

uint64_t blocksOf(uint64_t contentBytes) { return (contentBytes + kBlockBytes - 1) / kBlockBytes; }

}  // namespace

DataWriter::DataWriter(Files& files, const std::string& folder, uint64_t id)
    : files_(files),
      path_(folder + "/" + dataName(id)),
      id_(id),
      salt_(freshSalt()),
      file_(files.open(path_, Files::Open::CreateNew)) {
  block_.reserve(kBlockBytes);
}

void DataWriter::closeBlock() {
  checks_.push_back(checksum(block_, seedAt(salt_, written_)));
  file_->write(written_, block_);
  written_ += block_.size();
  block_.clear();
  if (written_ - synced_ < kSyncBytes) return;
  file_->sync();
  synced_ = written_;
}

void DataWriter::append(Bytes bytes) {
  content_ += bytes.size();
  while (!bytes.empty()) {
    const Bytes piece = bytes.first(std::min<size_t>(bytes.size(), kBlockBytes - block_.size()));
    block_.insert(block_.end(), piece.begin(), piece.end());
    bytes = bytes.subspan(piece.size());
    if (block_.size() == kBlockBytes) closeBlock();
  }
}

void DataWriter::finish() {
  if (!block_.empty()) closeBlock();
  std::vector<std::byte> end(padded(content_) - content_);
  const size_t padding = end.size(), listBytes = checks_.size() * sizeof(uint64_t);
  DataFooter footer{.file = id_, .salt = salt_, .contentBytes = content_};
  footer.checksCheck = checksum(asBytes(checks_.data(), listBytes), salt_);
  sealBlock(footer, footer.salt);
  end.resize(padding + listBytes + sizeof footer);
  if (listBytes) std::memcpy(end.data() + padding, checks_.data(), listBytes);
  std::memcpy(end.data() + padding + listBytes, &footer, sizeof footer);
  file_->write(content_, end);
  file_->sync();
  file_ = nullptr;
}

void DataWriter::abandon() noexcept {
  file_ = nullptr;
  try {
    files_.remove(path_);
  } catch (const Error&) {
    // The next opening removes it.
  }
}

std::shared_ptr<DataFile> DataFile::open(Files& files, const std::string& folder, uint64_t id) {
  const std::string path = folder + "/" + dataName(id);
  auto opened = files.open(path, Files::Open::Read);
  if (!opened) return nullptr;
  std::shared_ptr<DataFile> data(new DataFile(std::move(opened), path));
  DataFooter& footer = data->footer_;
  data->end_ = data->file_->size();
  const uint64_t at = data->end_ - std::min<uint64_t>(data->end_, sizeof footer);
  const bool isRead = readAll(*data->file_, at, {reinterpret_cast<std::byte*>(&footer), sizeof footer});
  if (!isRead || footer.magic != kDataEndMagic || !isWhole(footer, footer.salt) || footer.file != id ||
      footer.version != kVersion || footer.blockBytes != kBlockBytes)
    throw damaged(path, at, "the end of the file is not what was written");
  data->checks_.resize(blocksOf(footer.contentBytes));
  const uint64_t listAt = padded(footer.contentBytes), listBytes = data->checks_.size() * sizeof(uint64_t);
  if (listAt + listBytes != at ||
      !readAll(*data->file_, listAt, {reinterpret_cast<std::byte*>(data->checks_.data()), listBytes}) ||
      checksum(asBytes(data->checks_.data(), listBytes), footer.salt) != footer.checksCheck)
    throw damaged(path, listAt, "the list of its checksums is not what was written");
  data->isChecked_ = std::make_unique<std::atomic<bool>[]>(data->checks_.size());
  return data;
}

std::shared_ptr<DataFile> DataFile::broken(const std::string& path, uint64_t id, uint64_t bytes, const Error& why) {
  std::shared_ptr<DataFile> data(new DataFile(nullptr, path));
  data->footer_.file = id, data->footer_.contentBytes = bytes;
  data->why_.emplace(why);
  return data;
}

// What is in memory is looked at where it lies: to copy it takes three times as long.
bool DataFile::isBlockWhole(uint64_t block, const Mapping* mapping) const {
  const uint64_t from = block * kBlockBytes, count = std::min(kBlockBytes, footer_.contentBytes - from);
  const auto isWhole = [&](Bytes bytes) { return checksum(bytes, seedAt(footer_.salt, from)) == checks_[block]; };
  if (mapping && mapping->isInMemory(from, count)) return isWhole(mapping->bytes().subspan(from, count));
  // One for each thread: memory that is asked for anew would have to be cleared for each block.
  static thread_local const auto memory = std::make_unique_for_overwrite<std::byte[]>(kBlockBytes);
  const std::span bytes(memory.get(), count);
  return readAll(*file_, from, bytes) && isWhole(bytes);
}

void DataFile::check(uint64_t offset, uint64_t bytes, const Mapping* mapping) {
  file();
  if (offset > footer_.contentBytes || bytes > footer_.contentBytes - offset)
    throw Error(Code::InvalidArgument, "bytes " + std::to_string(offset) + " to " + std::to_string(offset + bytes) +
                                           " of a file of " + std::to_string(footer_.contentBytes));
  for (uint64_t block = offset / kBlockBytes; block < blocksOf(offset + bytes); ++block) {
    if (isChecked_[block]) continue;
    if (!isBlockWhole(block, mapping))
      throw damaged(path_, block * kBlockBytes, "the content from there on is not what was written");
    isChecked_[block] = true;
  }
}

bool DataFile::isChecked(uint64_t offset, uint64_t bytes) const {
  if (why_) return false;
  const uint64_t end = std::min(blocksOf(offset + bytes), uint64_t{checks_.size()});
  for (uint64_t block = offset / kBlockBytes; block < end; ++block)
    if (!isChecked_[block]) return false;
  return true;
}

void DataFile::verify(std::vector<LogFile::Problem>& problems) const {
  if (why_) return problems.push_back({path_, 0, why_->what()});
  const auto add = [&](uint64_t offset, const auto& isRight, const char* what) {
    try {
      if (!isRight()) problems.push_back({path_, offset, what});
    } catch (const Error& failed) {  // it can't be read
      problems.push_back({path_, offset, failed.what()});
    }
  };
  for (uint64_t block = 0; block < checks_.size(); ++block)
    add(
        block * kBlockBytes, [&] { return isBlockWhole(block); }, "the content from there on is not what was written");
  std::vector<std::byte> padding(padded(footer_.contentBytes) - footer_.contentBytes);
  const auto isZero = [](std::byte byte) { return byte == std::byte{0}; };
  add(
      footer_.contentBytes,
      [&] {
        return readAll(*file_, footer_.contentBytes, padding) && std::all_of(padding.begin(), padding.end(), isZero);
      },
      "zeros behind the content are not what was written");
  std::vector<uint64_t> checks(checks_.size());
  const std::span<std::byte> list{reinterpret_cast<std::byte*>(checks.data()), checks.size() * sizeof(uint64_t)};
  const uint64_t listAt = padded(footer_.contentBytes);
  add(
      listAt, [&] { return readAll(*file_, listAt, list) && checks == checks_; },
      "the list of its checksums is not what was written");
  DataFooter footer;
  const std::span<std::byte> end{reinterpret_cast<std::byte*>(&footer), sizeof footer};
  add(
      end_ - sizeof footer,
      [&] { return readAll(*file_, end_ - sizeof footer, end) && std::memcmp(&footer, &footer_, sizeof footer) == 0; },
      "the end of the file is not what was written");
}

}  // namespace switchyard::store
