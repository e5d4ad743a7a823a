// Threads for what the event loop is not to wait for: drivers (opening and closing contexts), and memory.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace switchyard::node {

// Posted tasks run one after the other. The thread is there only while there are some: an idle process has none.
class Background {
 public:
  static Background& shared();            // never destroyed, like the next
  static Background& memory();            // copies, and what a first touch or a last release takes
  void post(std::function<void()> task);  // must not throw
  // the same, on a thread of its own: it may take long, and nothing waits behind it
  void postAlone(std::function<void()> task);
  // the same for what the caller must not wait for itself; false: the system has no thread for it
  bool tryPostAlone(std::function<void()> task);
  void drain();  // waits until all is done; gives up after two seconds, for a driver that hangs

 private:
  Background() = default;
  void loop();
  void begin();
  void end();

  std::mutex mutex_;
  std::condition_variable idle_, more_;
  std::deque<std::function<void()>> tasks_;
  bool running_ = false, ending_ = false;
  size_t alone_ = 0;
};

}  // namespace switchyard::node
