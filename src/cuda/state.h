// What everything of one opened card shares: its number, whether it is lost, and how its errors become ours.
#pragma once
#include <cuda_runtime_api.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>

#include "../error.h"

namespace switchyard::cuda {

// The context is gone: no later call on it can succeed.
bool isSticky(cudaError_t status) noexcept;
// Sticky, and the header says of it that "the process must be terminated and relaunched" to go on with CUDA. After
// others the card is lost, and may be opened anew: a service that CUDA needs may come, an error nobody knows may pass.
bool endsProcess(cudaError_t status) noexcept;
Error toError(cudaError_t status, const std::string& what);
// Throws when `status` is an error, and forgets it where the context goes on.
void check(cudaError_t status, const char* what);

// No answer from the card for this long, on one queue, and it counts as lost: what other queues are answered says
// nothing of this one. More where a submission that the card has was said to take longer (Submission::limit), on all
// queues, since they share the card. Tests shorten it.
inline std::atomic<std::chrono::milliseconds> watchdog{std::chrono::minutes(10)};

class DeviceState {
 public:
  explicit DeviceState(int ordinal) : ordinal(ordinal) {}
  const int ordinal;
  std::atomic<size_t> unfinished{0};  // submissions of all queues that the card has not answered
  std::atomic<std::chrono::steady_clock::time_point> lastActive{};  // when one came, or was answered

  // For the calling thread; before any other call on this card. Throws DeviceLost once the card is lost.
  void enter();
  bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
  // The first reason stays. `forGood`: the whole process has lost the card (lost_devices.h): its context is the
  // process's only one there, whether it is dead or a kernel in it never ends.
  void lose(const std::string& why, bool forGood = true) noexcept;
  std::exception_ptr lostError() const;
  // As check(), and a sticky error marks the card lost, one that ends the process for good.
  void check(cudaError_t status, const char* what);

  // Lets this card read the other one's memory by itself, where it can; elsewhere the driver copies by way of the host.
  // For a thread that has entered.
  void reachPeer(int other);

  // Host memory that was page-locked for this card: it may be read and written by it directly.
  void addPinned(std::span<const std::byte> memory);
  void removePinned(std::span<const std::byte> memory) noexcept;
  bool isPinned(std::span<const std::byte> memory) const;

 private:
  std::atomic<bool> lost_{false};
  std::atomic<size_t> pinnedCount_{0};
  mutable std::shared_mutex pinnedMutex_;
  std::map<const std::byte*, size_t> pinned_;  // bytes from there on
  std::mutex peersMutex_;
  std::set<int> peers_;  // that were asked for
  mutable std::mutex mutex_;
  std::string why_;
};

}  // namespace switchyard::cuda
