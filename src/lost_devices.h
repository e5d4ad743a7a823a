// Devices that this process has lost for good. A device of Vulkan that was lost can be opened anew; CUDA has one
// context a card and process, and after a fatal error every call that uses it fails: "the process must be terminated
// and relaunched", say the runtime's headers of each such error. cudaDeviceReset would only destroy, under every thread
// that uses the card, what can't be made again.
#pragma once
#include <optional>
#include <string>

#include "error.h"

namespace switchyard {

// From now on openDevice() passes the device over, and throws DeviceLost where there is no other that was asked for.
// The first reason stays. Any thread.
void loseForGood(const std::string& id, const std::string& why) noexcept;
// What is to be said of it: a DeviceLost that tells to start the process anew. Nothing: it may be opened.
std::optional<Error> lostForGood(const std::string& id);
bool anyLostForGood() noexcept;

}  // namespace switchyard
