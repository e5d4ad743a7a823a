// Stream sockets keep the order and join small sends; descriptors travel with the first byte of the message they belong
// to.
#include "cluster/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmath>
#include <cstddef>
#include <cstring>

#include "error.h"
#include "system_failure.h"

namespace switchyard::cluster {
namespace {

constexpr size_t kReadBytes = 256 << 10;
constexpr int kSocketBuffer = 1 << 20;     // a burst of jobs fits, so that a busy reader does not stop the writer
constexpr size_t kMaxDescriptors = 16;     // of one recvmsg, and waiting for their messages
constexpr size_t kMaxSentBytes = 1 << 20;  // kept in front of what is unsent
constexpr int kLost = -1;                  // a descriptor that this process had no number left for

int makeSocket(int flags = 0) {
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) throw systemError("no socket for the cluster", errno);
  return fd;
}

sockaddr_un addressOf(const std::string& name, socklen_t& length) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() + 1 > sizeof address.sun_path)
    throw Error(Code::InvalidArgument, "the cluster's address is too long");
  std::memcpy(address.sun_path + 1, name.data(), name.size());  // the first byte is 0: an abstract address
  length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

}  // namespace

Channel::Channel(int fd) : fd_(fd) { ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer); }

Channel::~Channel() {
  for (int fd : descriptors_)
    if (fd != kLost) ::close(fd);
  ::close(fd_);
}

std::pair<int, int> Channel::makePair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) throw systemError("no sockets for the cluster", errno);
  return {fds[0], fds[1]};
}

int Channel::connect(const std::string& name) {
  int fd = makeSocket();
  socklen_t length;
  sockaddr_un address = addressOf(name, length);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0) return fd;
  int failed = errno;
  ::close(fd);
  throw Error(Code::Closed,
              std::string("the coordinator in the primary process can't be reached: ") + std::strerror(failed));
}

void Channel::post(std::span<const double> message, std::shared_ptr<Region> region) {
  std::lock_guard lock(mutex_);
  if (broken_) return;
  if (sent_ == out_.size() && sent_) {
    out_.clear();
    sent_ = 0;
  }
  if (sent_ > kMaxSentBytes && sent_ > out_.size() / 2) {  // the other side reads, but never all there is
    out_.erase(out_.begin(), out_.begin() + static_cast<ptrdiff_t>(sent_));
    for (Attached& one : attached_) one.at -= sent_;
    sent_ = 0;
  }
  const size_t at = out_.size();
  auto bytes = std::as_bytes(message);
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  if (region) attached_.push_back({at, std::move(region)});
}

bool Channel::flush() {
  std::lock_guard lock(mutex_);
  while (!broken_ && sent_ < out_.size())
    if (!sendSome()) break;
  return broken_ || sent_ == out_.size();
}

// One sendmsg: up to the next message that has a descriptor, or from it to the one after.
bool Channel::sendSome() {
  size_t end = out_.size();
  int descriptor = -1;
  if (!attached_.empty()) {
    if (attached_.front().at == sent_) {
      descriptor = attached_.front().region->fd();
      if (attached_.size() > 1) end = attached_[1].at;
    } else {
      end = attached_.front().at;
    }
  }
  iovec part{out_.data() + sent_, end - sent_};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(item), &descriptor, sizeof descriptor);
  }
  ssize_t sent = ::sendmsg(fd_, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETOOMANYREFS) return false;
    broken_ = true;
    return false;
  }
  if (descriptor >= 0) attached_.pop_front();
  sent_ += static_cast<size_t>(sent);
  return true;
}

size_t Channel::unsentBytes() const {
  std::lock_guard lock(mutex_);
  return out_.size() - sent_;
}

bool Channel::read(const std::function<void(std::span<const double>)>& onMessage) {
  const bool open = receive();
  return dispatch(onMessage) && open;
}

bool Channel::receive() {
  const size_t needed = (inBytes_ + kReadBytes + sizeof(double) - 1) / sizeof(double);
  if (in_.size() < needed) in_.resize(needed);
  iovec part{reinterpret_cast<std::byte*>(in_.data()) + inBytes_, kReadBytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t received;
  do {
    received = ::recvmsg(fd_, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(item) + i * sizeof(int), sizeof fd);
      descriptors_.push_back(fd);
    }
  }
  inBytes_ += static_cast<size_t>(received);
  if (header.msg_flags & MSG_CTRUNC) {
    // This process has too many. Ours send one at a time, so it is known which is missing.
    if (header.msg_controllen > 0) return false;
    descriptors_.push_back(kLost);
  }
  return received > 0;
}

bool Channel::dispatch(const std::function<void(std::span<const double>)>& onMessage) {
  size_t at = 0;
  const size_t count = inBytes_ / sizeof(double);
  bool sound = true;
  while (sound && at < count) {
    const double length = in_[at];
    if (!(length >= static_cast<double>(kMessageNumbers) && length <= kMaxMessage) || length != std::floor(length)) {
      sound = false;
      break;
    }
    const auto numbers = static_cast<size_t>(length);
    if (at + numbers > count) break;
    std::span<const double> message(in_.data() + at, numbers);
    sound = carryOut(message);
    if (sound) onMessage(message);
    at += numbers;
  }
  const size_t left = inBytes_ - at * sizeof(double);
  if (at && left) std::memmove(in_.data(), in_.data() + at, left);
  inBytes_ = left;
  return sound && descriptors_.size() <= kMaxDescriptors;
}

bool Channel::carryOut(std::span<const double> message) {
  const int type = typeOf(message[kType]);
  if (type == kRegionType) {
    if (descriptors_.empty() || message.size() <= kNumberedNumber) return false;
    const int fd = descriptors_.front();
    descriptors_.pop_front();
    return takeOver(fd, wholeOf(message[kNumberedNumber]));
  }
  if (message.size() <= kNumberedNumber) return true;
  if (type == kDropType) RegionTable::shared().drop(wholeOf(message[kNumberedNumber]));
  if (type == kWithheldType) RegionTable::shared().refuse(wholeOf(message[kNumberedNumber]));
  return true;
}

// What the system refuses costs the jobs that need this region, and not the connection.
bool Channel::takeOver(int fd, uint64_t id) {
  try {
    if (fd == kLost) throw Error(Code::OutOfMemory, "this process has no descriptor left");
    auto region = Region::adopt(fd);
    if (region->id != id) return false;
    RegionTable::shared().add(std::move(region));
  } catch (const Error& error) {
    if (error.code != Code::OutOfMemory) return false;
    RegionTable::shared().refuse(id);
  }
  return true;
}

void Channel::shutdown() noexcept { ::shutdown(fd_, SHUT_RDWR); }

Listener::Listener() {
  uint64_t random[2];
  if (::getrandom(random, sizeof random, 0) != sizeof random)
    throw Error(Code::Internal, "the system has no random numbers");
  char text[48];
  std::snprintf(text, sizeof text, "switchyard-%016llx%016llx", static_cast<unsigned long long>(random[0]),
                static_cast<unsigned long long>(random[1]));
  name_ = text;
  fd_ = makeSocket(SOCK_NONBLOCK);
  socklen_t length;
  sockaddr_un address = addressOf(name_, length);
  if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), length) || ::listen(fd_, 512)) {
    int failed = errno;
    ::close(fd_);
    throw systemError("the cluster's address can't be opened", failed);
  }
  spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

Listener::~Listener() {
  ::close(fd_);
  if (spare_ >= 0) ::close(spare_);
}

int Listener::accept(int* pid) {
  int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE) && spare_ >= 0) {
    ::close(spare_);
    if ((fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) ::close(fd);
    spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    return -1;
  }
  if (fd < 0) return -1;
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == ::geteuid()) {
    *pid = peer.pid;
    return fd;
  }
  ::close(fd);
  return -1;
}

}  // namespace switchyard::cluster
