// What a context does about a job that found no memory: what is unused is given back, and what lies in many pieces is
// moved together.
#include <future>
#include <utility>

#include "context.h"
#include "memory/moves.h"
#include "running.h"

namespace switchyard {
namespace {

constexpr uint8_t kMostTriesForMemory = 4;  // after the first one only where memory was moved together

bool ranOutOfMemory(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return e.code == Code::OutOfMemory;
  } catch (...) {
    return false;
  }
}

// Of the block that a context had no room for; 0: of something else.
uint64_t bytesRefused(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const NoRoom& refused) {
    return refused.bytes;
  } catch (...) {
    return 0;
  }
}

bool isLoss(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& failed) {
    return failed.code == Code::DeviceLost;
  } catch (...) {
    return false;
  }
}

}  // namespace

// What a job failed with in its caller's thread: the lane's thread has time to wait for what is moved, and to move it.
bool Context::isForTheLane(const std::exception_ptr& error) const {
  try {
    std::rethrow_exception(error);
  } catch (const MustWait&) {
    return true;
  } catch (...) {
    return arena_->mayHelpToMove(bytesRefused(error));
  }
}

// True when the job should be tried again: it ran out of memory, and is alone now with all unused memory given back,
// and with what lies in many pieces moved together.
bool Context::recover(const JobPtr& job, std::exception_ptr error, Queue& queue) {
  const uint64_t taken = job->running_ ? job->running_->recorder.takenBytes() : 0;
  forget(*job);
  try {
    std::rethrow_exception(error);
  } catch (const SourceLost&) {
    return false;
  } catch (const Error& e) {
    if (e.code == Code::DeviceLost) lose(error);
    if (e.code != Code::OutOfMemory || job->triesForMemory_ >= kMostTriesForMemory || job->stop) return false;
  } catch (...) {
    return false;
  }
  const bool isFirst = job->triesForMemory_++ == 0;
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return submissions_ == 0; });
  }
  arena_->trim();
  HostPool::shared().trim();
  return defragment(queue, bytesRefused(error), taken) || isFirst;
}

// Moves what jobs are not using together, so that what was refused finds room, and waits for the device. False: there
// was nothing to move.
bool Context::defragment(Queue& queue, uint64_t refused, uint64_t taken) {
  std::unique_ptr<Moves> moves;
  std::exception_ptr error;
  bool isBegun = false, isGiven = false;
  try {
    moves = arena_->planMoves(refused, taken);
    if (!moves) return false;
    auto ended = std::make_shared<std::promise<std::exception_ptr>>();
    std::future<std::exception_ptr> end = ended->get_future();
    const std::vector<Moves::Copy> copies = moves->copies();
    isBegun = true;
    for (const Moves::Copy& copy : copies) queue.copy(copy.to, copy.from);
    queue.submit([ended](std::exception_ptr failed, const QueueTimings&) { ended->set_value(failed); });
    isGiven = true;
    error = end.get();
  } catch (...) {
    queue.discard();
    error = std::current_exception();
  }
  if (!moves) return false;  // no memory to plan with
  // Vulkan alone copies nothing before it is told to submit.
  const bool mayHaveRun = device_->info.backend == Backend::Vulkan ? isGiven : isBegun;
  const bool areWhole = !mayHaveRun || !moves->overwrites();
  arena_->endMoves(std::move(moves), !error);
  // Nobody knows how far copies have come that one another are under: such a device is lost, as drivers say by then.
  if (error && (!areWhole || isLoss(error))) lose(std::make_exception_ptr(lostError()));
  return !error;
}

// Whether recover() would wait for the device.
bool Context::recoversLate(const Job& job, const std::exception_ptr& error) {
  if (!ranOutOfMemory(error) || job.triesForMemory_ >= kMostTriesForMemory || job.stop) return false;
  if (arena_->mayHelpToMove(bytesRefused(error))) return true;
  std::lock_guard lock(mutex_);
  return submissions_ > 0;
}

}  // namespace switchyard
