// How long the loops of a SPIR-V module can get, for drivers that cut them (vulkan/loops.h).
#pragma once
#include <cstdint>
#include <span>

namespace switchyard {

constexpr uint64_t kUnboundedTurns = ~uint64_t{0};

// The most turns that a thread makes, of all its loops together, where every loop counts from a constant to a constant;
// else kUnboundedTurns. For modules that validateSpirv() has passed.
uint64_t mostLoopTurns(std::span<const uint32_t> words);

}  // namespace switchyard
