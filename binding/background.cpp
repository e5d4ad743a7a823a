// One thread at a time, detached: drain() is how the end of the process waits for it.
#include "background.h"

#include <chrono>
#include <system_error>
#include <thread>

namespace switchyard::node {

Background& Background::shared() {
  static Background* background = new Background;  // leaked on purpose: its thread may outlive main
  return *background;
}

Background& Background::memory() {
  static Background* background = new Background;  // leaked for the same reason
  return *background;
}

void Background::post(std::function<void()> task) {
  std::unique_lock lock(mutex_);
  if (!running_) {
    try {
      std::thread([this] { loop(); }).detach();
      running_ = true;
    } catch (const std::system_error&) {  // no thread to be had: the caller waits instead
      lock.unlock();
      task();
      return;
    }
  }
  tasks_.push_back(std::move(task));
  more_.notify_one();
}

void Background::postAlone(std::function<void()> task) {
  if (!tryPostAlone(task)) task();  // no thread to be had: the caller waits instead
}

bool Background::tryPostAlone(std::function<void()> task) {
  begin();
  try {
    std::thread([this, task = std::move(task)]() mutable {
      task();
      task = nullptr;
      end();
    }).detach();
    return true;
  } catch (const std::system_error&) {
    end();
    return false;
  }
}

void Background::begin() {
  std::lock_guard lock(mutex_);
  ++alone_;
}

void Background::end() {
  std::lock_guard lock(mutex_);
  --alone_;
  idle_.notify_all();
}

void Background::drain() {
  std::unique_lock lock(mutex_);
  ending_ = true;
  more_.notify_one();
  idle_.wait_for(lock, std::chrono::seconds(2), [this] { return !running_ && alone_ == 0; });
  ending_ = false;
}

void Background::loop() {
  std::unique_lock lock(mutex_);
  // Waits a little: contexts are often opened and closed in series, and a thread costs more than most of those
  // tasks.
  while (more_.wait_for(lock, std::chrono::milliseconds(50), [this] { return !tasks_.empty() || ending_; }) &&
         !tasks_.empty()) {
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it held goes here, on this thread
    lock.lock();
  }
  running_ = false;
  idle_.notify_all();
}

}  // namespace switchyard::node
