// What NVIDIA's management library says of a card: how busy it is and how full, over all processes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace switchyard {

struct CardUse {
  double utilization;  // 0..1; NaN where the card does not tell (a MIG slice)
  uint64_t usedBytes, totalBytes;
  double temperature;  // degrees Celsius; NaN where the card does not tell
};

// `uuid` as DeviceInfo has it, with or without "GPU-". Nothing where the library or the card is missing, or the card
// was lost. The first call loads and starts the library, which may take a second, and others a millisecond: not for a
// JavaScript thread, and not for a process that has no business with the card.
std::optional<CardUse> readCard(const std::string& uuid);
// Whether two cards reach each other by NVLink; false where that isn't known. As readCard().
bool areJoinedByNvlink(const std::string& uuid, const std::string& other);

}  // namespace switchyard
