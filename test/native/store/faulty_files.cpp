#include "faulty_files.h"

#include <algorithm>
#include <cstring>

namespace switchyard::store::test {
namespace {

std::string folderOf(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

class CopiedMapping final : public Mapping {
 public:
  explicit CopiedMapping(Content content) : content_(std::move(content)) {}
  Bytes bytes() const override { return content_; }

 private:
  const Content content_;
};

}  // namespace

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFiles& files, std::shared_ptr<FaultyFiles::Node> node, std::string path)
      : files_(files), node_(std::move(node)), path_(std::move(path)) {}
  ~FaultyFile() override {
    std::lock_guard lock(files_.mutex_);
    if (locks_) node_->isLocked = false;
  }
  size_t read(uint64_t offset, std::span<std::byte> into) override {
    std::lock_guard lock(files_.mutex_);
    files_.count(FaultyFiles::Does::Read, path_);
    const auto& [badPath, badOffset] = files_.unreadable_;
    if (path_ == badPath && badOffset >= offset && badOffset - offset < into.size())
      throw Error(Code::Internal, "'" + path_ + "': Input/output error");
    const Content& now = node_->now;
    if (offset >= now.size()) return 0;
    const size_t bytes = std::min(into.size(), now.size() - offset);
    std::copy_n(now.begin() + static_cast<ptrdiff_t>(offset), bytes, into.begin());
    return bytes;
  }
  void write(uint64_t offset, Bytes bytes) override {
    std::lock_guard lock(files_.mutex_);
    try {
      const bool isInside = offset + bytes.size() <= node_->now.size();
      files_.count(isInside ? FaultyFiles::Does::Overwrite : FaultyFiles::Does::Write, path_);
    } catch (const Error&) {
      if (files_.fails_ == FaultyFiles::Fails::MoreRoom) throw;
      // part of it was written before it failed, or the power was cut
      FaultyFiles::write(*node_, offset, bytes.first(bytes.size() / 2));
      throw;
    }
    FaultyFiles::write(*node_, offset, bytes);
  }
  void allocate(uint64_t bytes) override {
    std::lock_guard lock(files_.mutex_);
    const bool isMore = bytes > node_->now.size();
    files_.count(isMore ? FaultyFiles::Does::Room : FaultyFiles::Does::Overwrite, path_);
    if (isMore) FaultyFiles::resize(*node_, bytes);
  }
  void truncate(uint64_t bytes) override {
    std::lock_guard lock(files_.mutex_);
    files_.count(FaultyFiles::Does::Name, path_);  // it takes no room
    FaultyFiles::resize(*node_, bytes);
  }
  void sync() override {
    std::lock_guard lock(files_.mutex_);
    try {
      files_.count(FaultyFiles::Does::Sync, path_);
    } catch (const Error&) {
      // As Linux does: what could not be written counts as written, and no later sync tries it again.
      if (files_.operations_ < files_.cutAt_) node_->written.clear(), node_->sizes.clear();
      throw;
    }
    if (!files_.lies_.files) FaultyFiles::sync(*node_);
  }
  uint64_t size() override { return node_->now.size(); }
  bool tryLock() override {
    std::lock_guard lock(files_.mutex_);
    if (node_->isLocked) return false;
    return locks_ = node_->isLocked = true;
  }
  std::unique_ptr<Mapping> map(uint64_t bytes) override {
    std::lock_guard lock(files_.mutex_);
    files_.count(FaultyFiles::Does::Read, path_);
    return std::make_unique<CopiedMapping>(
        Content(node_->now.begin(), node_->now.begin() + static_cast<ptrdiff_t>(bytes)));
  }

 private:
  FaultyFiles& files_;
  const std::shared_ptr<FaultyFiles::Node> node_;
  const std::string path_;
  bool locks_ = false;
};

void FaultyFiles::count(Does what, const std::string& path) {
  ++operations_;
  if (operations_ >= cutAt_) throw Error(Code::Internal, "'" + path + "': the power is cut");
  if (operations_ < failAt_) return;
  const bool takesMore = what == Does::Room || what == Does::Write;
  const bool takesRoom = takesMore || what == Does::Overwrite;
  if (fails_ == Fails::Once && operations_ == failAt_)
    throw Error(takesRoom ? Code::OutOfMemory : Code::Internal, "'" + path + "': a fault on order");
  if (fails_ == Fails::Room && takesRoom) throw Error(Code::OutOfMemory, "'" + path + "': No space left on device");
  if (fails_ == Fails::MoreRoom && takesMore) throw Error(Code::OutOfMemory, "'" + path + "': No space left on device");
  if (fails_ == Fails::Reads && what == Does::Read) throw Error(Code::Internal, "'" + path + "': Input/output error");
}

void FaultyFiles::write(Node& node, uint64_t offset, Bytes bytes) {
  if (bytes.empty()) return;
  const uint64_t end = offset + bytes.size();
  if (end > node.now.size()) resize(node, end);
  std::copy(bytes.begin(), bytes.end(), node.now.begin() + static_cast<ptrdiff_t>(offset));
  for (uint64_t sector = offset / kSector; sector * kSector < end; ++sector) {
    const auto from = node.now.begin() + static_cast<ptrdiff_t>(sector * kSector);
    const auto length = std::min<uint64_t>(kSector, node.now.size() - sector * kSector);
    node.written[sector].emplace_back(from, from + static_cast<ptrdiff_t>(length));
  }
}

void FaultyFiles::resize(Node& node, uint64_t bytes) {
  const uint64_t old = node.now.size();
  node.now.resize(bytes);
  node.sizes.push_back(bytes);
  for (uint64_t sector = bytes / kSector; sector * kSector < old; ++sector) {  // what was cut off reads as zeros
    Content left(kSector);
    const uint64_t from = sector * kSector;
    if (from < bytes) std::copy(node.now.begin() + static_cast<ptrdiff_t>(from), node.now.end(), left.begin());
    node.written[sector].push_back(std::move(left));
  }
}

void FaultyFiles::sync(Node& node) {
  node.durable.resize(node.now.size());
  for (const auto& [sector, versions] : node.written) {
    const uint64_t from = sector * kSector;
    if (from >= node.now.size()) continue;
    const auto length = std::min<uint64_t>(kSector, node.now.size() - from);
    std::copy_n(node.now.begin() + static_cast<ptrdiff_t>(from), length,
                node.durable.begin() + static_cast<ptrdiff_t>(from));
  }
  node.written.clear();
  node.sizes.clear();
}

void FaultyFiles::apply(const Renaming& change, Names& names) const {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.node;
}

void FaultyFiles::change(Renaming change) {
  apply(change, names_);
  changes_.push_back(std::move(change));
}

std::unique_ptr<File> FaultyFiles::open(const std::string& path, Open how) {
  std::lock_guard lock(mutex_);
  const bool isMade = how == Open::Create || how == Open::CreateNew;
  const auto at = names_.find(path);
  count(!isMade ? Does::Name : at == names_.end() ? Does::Room : Does::Overwrite, path);
  std::shared_ptr<Node> node = at == names_.end() ? nullptr : at->second;
  if (node && how == Open::CreateNew) throw Error(Code::Internal, "'" + path + "' is there already");
  if (!node && !isMade) return nullptr;
  if (!node) {
    if (!folders_.contains(folderOf(path))) throw Error(Code::InvalidArgument, "'" + path + "': no such folder");
    change({"", path, node = std::make_shared<Node>()});
  } else if (how == Open::Create && !node->now.empty()) {
    resize(*node, 0);
  }
  return std::make_unique<FaultyFile>(*this, std::move(node), path);
}

bool FaultyFiles::makeFolder(const std::string& path) {
  std::lock_guard lock(mutex_);
  count(folders_.contains(path) ? Does::Name : Does::Room, path);
  return !names_.contains(path) && folders_.insert(path).second;
}

std::optional<std::vector<std::string>> FaultyFiles::list(const std::string& path) {
  std::lock_guard lock(mutex_);
  count(Does::Name, path);
  if (!folders_.contains(path)) return std::nullopt;
  std::vector<std::string> found;
  for (const auto& [name, node] : names_)
    if (folderOf(name) == path) found.push_back(name.substr(path.size() + 1));
  for (const std::string& folder : folders_)
    if (folder != path && folderOf(folder) == path) found.push_back(folder.substr(path.size() + 1));
  return found;
}

void FaultyFiles::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  count(Does::Room, from);
  change({from, to, names_.at(from)});
}

bool FaultyFiles::renameFolder(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  count(Does::Room, from);
  if (folders_.contains(to)) return false;
  Names moved;
  for (auto* names : {&names_, &durableNames_}) {
    for (const auto& [name, node] : *names) moved[folderOf(name) == from ? to + name.substr(from.size()) : name] = node;
    *names = std::exchange(moved, {});
  }
  folders_.erase(from);
  folders_.insert(to);
  return true;
}

bool FaultyFiles::link(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  count(Does::Room, from);
  if (!canLink || !names_.contains(from)) return false;
  change({"", to, names_.at(from)});
  return true;
}

void FaultyFiles::remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  count(Does::Name, path);
  if (names_.contains(path)) change({path, "", nullptr});
}

void FaultyFiles::removeFolder(const std::string& path) {
  std::lock_guard lock(mutex_);
  count(Does::Name, path);
  folders_.erase(path);
}

void FaultyFiles::syncFolder(const std::string& path) {
  std::lock_guard lock(mutex_);
  count(Does::Sync, path);
  if (lies_.folders) return;
  std::erase_if(changes_, [&](const Renaming& change) {
    const bool isIn = folderOf(change.to.empty() ? change.from : change.to) == path;
    if (isIn) apply(change, durableNames_);
    return isIn;
  });
}

std::unique_ptr<FaultyFiles> FaultyFiles::afterPowerCut(std::mt19937_64& random) const {
  auto after = std::make_unique<FaultyFiles>(lies_);
  after->folders_ = folders_;
  Names left = durableNames_;
  for (const Renaming& change : changes_)
    if (random() % 2) apply(change, left);
  std::map<const Node*, std::shared_ptr<Node>> kept;
  for (const auto& [name, node] : left) {
    auto& copy = kept[node.get()];
    if (!copy) {
      copy = std::make_shared<Node>();
      Content& content = copy->now = node->durable;
      const uint64_t which = random() % (node->sizes.size() + 1);
      content.resize(which == 0 ? content.size() : node->sizes[which - 1]);
      for (const auto& [sector, versions] : node->written) {
        const uint64_t version = random() % (versions.size() + 1), from = sector * kSector;
        if (version == 0 || from >= content.size()) continue;
        const Content& bytes = versions[version - 1];
        std::copy_n(bytes.begin(), std::min<uint64_t>(bytes.size(), content.size() - from),
                    content.begin() + static_cast<ptrdiff_t>(from));
      }
      copy->durable = content;
    }
    after->names_[name] = copy;
  }
  after->durableNames_ = after->names_;
  return after;
}

// The system goes on: what it has in memory alone is still not on the disk.
std::unique_ptr<FaultyFiles> FaultyFiles::afterKill() const {
  auto after = std::make_unique<FaultyFiles>(lies_);
  after->folders_ = folders_;
  std::map<const Node*, std::shared_ptr<Node>> kept;
  const auto copied = [&](const std::shared_ptr<Node>& node) -> std::shared_ptr<Node> {
    if (!node) return nullptr;
    auto& copy = kept[node.get()];
    if (!copy) {
      copy = std::make_shared<Node>(*node);
      copy->isLocked = false;
    }
    return copy;
  };
  for (const auto& [name, node] : names_) after->names_[name] = copied(node);
  for (const auto& [name, node] : durableNames_) after->durableNames_[name] = copied(node);
  for (const Renaming& change : changes_) after->changes_.push_back({change.from, change.to, copied(change.node)});
  return after;
}

std::map<std::string, Content*> FaultyFiles::contents() {
  std::map<std::string, Content*> all;
  for (auto& [name, node] : names_) all[name] = &node->now;
  return all;
}

}  // namespace switchyard::store::test
