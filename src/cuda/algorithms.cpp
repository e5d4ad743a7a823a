// NVIDIA's header says of an algorithm that it "can be trivially serialized and later restored for use with the same
// version of cuBLAS library"; who restores one has it checked (cublasLtMatmulAlgoCheck).
#include "algorithms.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "../cache_folder.h"

namespace switchyard::cuda {
namespace {

constexpr std::string_view kMagic = "swcublt1";
constexpr size_t kMostKept = 4096, kEntryBytes = sizeof(MatmulKey) + sizeof(cublasLtMatmulAlgo_t);
constexpr uint64_t kMostBytes = 2 << 20;
constexpr double kMargin = 0.98;  // of the best so far, to replace it
constexpr double kRepeatsMs = 2;  // that a candidate is repeated for, where it is short
constexpr double kLeastRuns = 3, kMostRuns = 20;

// FNV-1a. Two scopes of one hash only take each other's place: the file says whose it is.
std::string nameOf(const std::string& scope) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const unsigned char c : scope) hash = (hash ^ c) * 0x100000001B3u;
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[hash >> shift & 15];
  return "cublaslt-" + text + ".bin";
}

}  // namespace

std::optional<Fastest> fastestOf(size_t count, double budgetMs, const TimeCandidate& time) {
  Fastest fastest;
  double bestMs = std::numeric_limits<double>::infinity(), spent = 0;
  for (size_t i = 0; i < count && spent < budgetMs; ++i) {
    const double first = time(i, 1);  // its code is loaded meanwhile
    if (std::isnan(first)) return std::nullopt;
    if (std::isinf(first)) continue;
    const double runs = std::clamp(std::ceil(kRepeatsMs / std::max(first, 1e-3)), kLeastRuns, kMostRuns);
    const double ms = time(i, static_cast<uint32_t>(runs));
    if (std::isnan(ms)) return std::nullopt;
    if (std::isinf(ms)) continue;
    spent += first + runs * ms;
    ++fastest.timed;
    if (ms < bestMs * kMargin) fastest.candidate = i, bestMs = ms;
  }
  if (fastest.timed == 0) return std::nullopt;
  return fastest;
}

AlgorithmStore::AlgorithmStore(const std::string& folder, std::string scope)
    : folder_(folder), scope_(std::move(scope)), name_(nameOf(scope_)) {
  read();
}

std::shared_ptr<AlgorithmStore> AlgorithmStore::of(const std::string& scope) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<AlgorithmStore>> stores;
  const std::lock_guard lock(mutex);
  std::weak_ptr<AlgorithmStore>& known = stores[scope];
  std::shared_ptr<AlgorithmStore> store = known.lock();
  if (!store) known = store = std::make_shared<AlgorithmStore>(defaultCacheFolder(), scope);
  return store;
}

std::optional<cublasLtMatmulAlgo_t> AlgorithmStore::find(const MatmulKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key);
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

void AlgorithmStore::keep(const MatmulKey& key, const cublasLtMatmulAlgo_t& algorithm) {
  const std::lock_guard lock(mutex_);
  read();
  known_[key] = algorithm;
  while (known_.size() > kMostKept)
    known_.erase(known_.begin()->first == key ? std::next(known_.begin()) : known_.begin());
  write();
}

void AlgorithmStore::forget(const MatmulKey& key, const cublasLtMatmulAlgo_t& algorithm) {
  const std::lock_guard lock(mutex_);
  read();
  const auto found = known_.find(key);
  if (found == known_.end() || std::memcmp(&found->second, &algorithm, sizeof algorithm) != 0) return;
  known_.erase(found);
  write();
}

// The length of the scope, the scope, entries.
void AlgorithmStore::read() noexcept try {
  if (folder_.empty()) return;
  const CacheFolder folder = CacheFolder::open(folder_, CacheFolder::Missing::Leave);
  if (!folder) return;
  const auto bytes = folder.readSealed(name_, kMagic, kMostBytes);
  uint64_t length = 0;
  if (!bytes || bytes->size() < sizeof length) return;
  std::memcpy(&length, bytes->data(), sizeof length);
  if (length != scope_.size() || bytes->size() - sizeof length < length) return;
  const uint8_t* at = bytes->data() + sizeof length;
  if (std::memcmp(at, scope_.data(), length) != 0) return;
  at += length;
  const size_t left = bytes->size() - sizeof length - length;
  if (left % kEntryBytes != 0) return;
  for (size_t i = 0; i < left / kEntryBytes; ++i, at += kEntryBytes) {
    MatmulKey key;
    cublasLtMatmulAlgo_t algorithm;
    std::memcpy(&key, at, sizeof key);
    std::memcpy(&algorithm, at + sizeof key, sizeof algorithm);
    known_[key] = algorithm;
  }
} catch (...) {  // a cache that can't be read is an empty one
}

void AlgorithmStore::write() noexcept try {
  if (folder_.empty()) return;
  std::vector<uint8_t> bytes;
  const auto add = [&](const void* data, size_t size) {
    const auto* from = static_cast<const uint8_t*>(data);
    bytes.insert(bytes.end(), from, from + size);
  };
  const uint64_t length = scope_.size();
  add(&length, sizeof length), add(scope_.data(), length);
  for (const auto& [key, algorithm] : known_) add(&key, sizeof key), add(&algorithm, sizeof algorithm);
  CacheFolder::open(folder_, CacheFolder::Missing::Make).writeSealed(name_, kMagic, bytes);
} catch (...) {  // what was measured lasts as long as the process
}

}  // namespace switchyard::cuda
