// One end of a unix stream socket between two processes of a cluster: messages of numbers, and regions' descriptors
// beside them.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cluster/message.h"
#include "memory/shared_memory.h"

namespace switchyard::cluster {

// post() and flush() belong to any thread, read() to one at a time.
class Channel {
 public:
  explicit Channel(int fd);  // takes it over
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  static std::pair<int, int> makePair();        // two connected descriptors
  static int connect(const std::string& name);  // to a Listener; throws Closed
  int fd() const { return fd_; }

  // Appends a message to what is to be sent. With a region its descriptor goes along.
  void post(std::span<const double> message, std::shared_ptr<Region> region = nullptr);
  // Sends what can be sent now; false while something is left because the other side does not read.
  bool flush();
  size_t unsentBytes() const;
  // Takes what has arrived, at most about 256 KB a call, and hands out whole messages. Region, Drop and Withheld are
  // carried out on RegionTable first, then handed out like the others. False once the other side has gone, or sent what
  // can't be a message.
  bool read(const std::function<void(std::span<const double>)>& onMessage);
  void shutdown() noexcept;  // both directions: read() returns false from now on, on both sides

  // For the one thread that announces this process's regions: those the other side knows of, and as of which change.
  struct Told {
    uint64_t change = 0;
    std::vector<uint64_t> regions;
  } told;
  // For the thread that asks for jobs here: they stay in this process, and so may their memory.
  bool lends = false;

 private:
  struct Attached {
    size_t at;  // in out_, in bytes
    std::shared_ptr<Region> region;
  };
  bool sendSome();  // under mutex_
  bool receive();
  bool dispatch(const std::function<void(std::span<const double>)>& onMessage);
  bool carryOut(std::span<const double> message);
  bool takeOver(int fd, uint64_t region);

  const int fd_;
  mutable std::mutex mutex_;
  std::vector<std::byte> out_;
  size_t sent_ = 0;
  std::deque<Attached> attached_;
  bool broken_ = false;

  std::vector<double> in_;
  size_t inBytes_ = 0;
  std::deque<int> descriptors_;
};

// Where the members of a cluster connect: an abstract unix address, so nothing in the file system.
class Listener {
 public:
  Listener();
  ~Listener();
  int fd() const { return fd_; }
  const std::string& name() const { return name_; }
  // The next connection of a process of the same user, -1 when there is none. Others are turned away, and so is
  // everybody while this process has no descriptor left: one that was left waiting would wake the caller again and
  // again.
  int accept(int* pid);

 private:
  int fd_ = -1, spare_ = -1;
  std::string name_;
};

}  // namespace switchyard::cluster
