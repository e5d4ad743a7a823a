// The instructions of a SPIR-V module, one after the other.
#pragma once
#include <spirv/unified1/spirv.hpp>

#include <cstdint>
#include <span>

namespace switchyard {

constexpr size_t kHeaderWords = 5;

// Calls each(opcode, operands) for the instructions in order, until it returns false.
template <class Each>
void forEachInstruction(std::span<const uint32_t> words, Each each) {
  for (size_t at = kHeaderWords; at < words.size();) {
    const size_t length = words[at] >> 16;
    if (length == 0 || length > words.size() - at) return;
    if (!each(static_cast<spv::Op>(words[at] & 0xffff), words.subspan(at + 1, length - 1))) return;
    at += length;
  }
}

}  // namespace switchyard
