// A forked process that shares memory with the test, and the line between the two.
#pragma once

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "shared_memory_fixture.h"

namespace switchyard::test {

// A pair of sockets' end: numbers, and files beside them.
class Line {
 public:
  explicit Line(int fd) : fd_(fd) {}
  ~Line() { close(fd_); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  void send(uint64_t number, int file = -1) {
    iovec part{&number, sizeof number};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (file >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      *header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
      std::memcpy(CMSG_DATA(header), &file, sizeof file);
    }
    if (sendmsg(fd_, &message, MSG_NOSIGNAL) != sizeof number) lost();
  }
  uint64_t receive(int* file = nullptr) {
    uint64_t number = 0;
    iovec part{&number, sizeof number};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(fd_, &message, MSG_CMSG_CLOEXEC) != sizeof number) lost();
    if (file) std::memcpy(file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof *file);
    return number;
  }
  void sendBlock(const Block& block) {
    send(block->descriptor, block->region->fd());
    send(block->generation);
  }

 private:
  [[noreturn]] void lost() {
    if (getpid() != parent_) _exit(90);
    throw std::runtime_error("the other process is gone");
  }
  const int fd_;
  static inline const pid_t parent_ = getpid();
};

// What a child checks: it ends where that does not hold.
inline void require(bool fine, const char* file, int line) {
  if (fine) return;
  std::fprintf(stderr, "%s:%d: failed in the child\n", file, line);
  _exit(91);
}
#define REQUIRE(condition) require(condition, __FILE__, __LINE__)

// A forked process that is member `slot`. It must begin before this process has a region: it would take it for its own.
class Child {
 public:
  Child(uint32_t slot, const std::function<void(Line&)>& run) {
    EXPECT_EQ(heap().use().regionBytes, 0u);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) throw std::runtime_error("no socketpair");
    pid_ = fork();
    if (!pid_) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(ends[0]);
      Line parent(ends[1]);
      heap().onCreated = heap().onDropped = nullptr;
      heap().setMember(slot);
      try {
        run(parent);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "the child threw: %s\n", error.what());
        _exit(92);
      }
      _exit(0);
    }
    close(ends[1]);
    line = std::make_unique<Line>(ends[0]);
  }
  ~Child() {
    if (pid_ > 0) kill();
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, 0), nullptr, 0);
  }
  void expectEnd() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  }
  std::unique_ptr<Line> line;

 private:
  pid_t pid_ = 0;
};

// A block that another process offers.
struct Offer {
  std::shared_ptr<Region> region;
  uint32_t descriptor;
  uint64_t generation;
};
inline Offer receiveBlock(Line& line) {
  int fd = -1;
  auto descriptor = uint32_t(line.receive(&fd));
  return {Region::adopt(fd), descriptor, line.receive()};
}

}  // namespace switchyard::test
