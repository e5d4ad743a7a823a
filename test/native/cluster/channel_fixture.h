// Reading from a channel as its other side does.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <functional>
#include <span>

#include "cluster/channel.h"

namespace switchyard::test {

inline bool readable(int fd, int ms) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, ms) > 0;
}

// Reads until `enough()`, the other side has gone (false), or 20 s are over.
template <class Enough>
bool readUntil(cluster::Channel& channel, const std::function<void(std::span<const double>)>& onMessage,
               Enough&& enough) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!enough() && std::chrono::steady_clock::now() < end)
    if (readable(channel.fd(), 10) && !channel.read(onMessage)) return false;
  return true;
}

}  // namespace switchyard::test
