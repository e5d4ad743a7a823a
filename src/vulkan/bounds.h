// The SPIR-V of users for drivers that can't bound its accesses themselves.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace switchyard::vulkan {

// The module with every index into memory clamped to what there is: an access past the end is one to the last element.
// Throws Error(Unsupported) for modules whose indices can't be found (pointers that the code computes).
std::vector<uint32_t> withClampedIndices(std::span<const uint32_t> words, const char* name);

}  // namespace switchyard::vulkan
