// Which of cuBLASLt's algorithms was fastest for a product: measured once, kept on disk beside the programs.
#pragma once
#include <cublasLt.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace switchyard::cuda {

using MatmulKey = std::array<uint64_t, 13>;  // all that the choice depends on, but for the card

// Milliseconds of one run of a candidate, of so many at once; infinity where it does not run, NaN where nobody knows.
using TimeCandidate = std::function<double(size_t candidate, uint32_t runs)>;
struct Fastest {
  size_t candidate = 0, timed = 0;  // which, and of how many whose time is known
};
// The fastest of `count`; the first unless another is faster by more than clocks are off. Those that are left are not
// tried once `budgetMs` are spent. Nothing where a time is not known, or none runs.
std::optional<Fastest> fastestOf(size_t count, double budgetMs, const TimeCandidate& time);

// What one version of the library chooses for one kind of card under one driver. Thread-safe. A disk that won't have it
// is no error: what was measured lasts as long as the process, then.
class AlgorithmStore {
 public:
  // `scope` says card, driver and version; `folder` may be empty: nothing is kept on disk.
  AlgorithmStore(const std::string& folder, std::string scope);
  // The process's own, in defaultCacheFolder().
  static std::shared_ptr<AlgorithmStore> of(const std::string& scope);

  std::optional<cublasLtMatmulAlgo_t> find(const MatmulKey& key);
  // Keeps what other processes have written meanwhile, too.
  void keep(const MatmulKey& key, const cublasLtMatmulAlgo_t& algorithm);
  // What was kept is no good, if it is still this.
  void forget(const MatmulKey& key, const cublasLtMatmulAlgo_t& algorithm);
  std::string file() const { return name_; }  // in the folder

 private:
  void read() noexcept;
  void write() noexcept;

  const std::string folder_, scope_, name_;
  std::mutex mutex_;
  std::map<MatmulKey, cublasLtMatmulAlgo_t> known_;
};

}  // namespace switchyard::cuda
