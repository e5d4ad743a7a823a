// Drivers that cut loops: Mesa's software driver ends every loop of a shader once the thread has made 65,535 turns of
// all of its loops together, and says nothing. What does not fit there is not lost: kernels bind at most so much that
// no thread of theirs makes more turns, and long rows have kernels of their own.
#pragma once
#include "vulkan/gpu.h"

namespace switchyard::vulkan {

// Sets info.maxLoopTurns by a self-test, which opens the device; remembered in the process, and in the cache folder for
// this device and driver. Where loops are cut, info.maxViewBytes and info.warning follow. Throws nothing: a software
// driver whose self-test fails is taken for one that cuts loops as Mesa's does. Returns the opened device where the
// self-test was run and nothing of `device` has changed: to open a card takes long.
std::shared_ptr<Gpu> findLoopLimit(const std::shared_ptr<Instance>& instance, PhysicalInfo& device) noexcept;

}  // namespace switchyard::vulkan
