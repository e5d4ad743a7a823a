// Copies between memory of the host's and staging memory.
#pragma once
#include <cstddef>

namespace switchyard::cuda {

// memcpy(); large ones by several threads, as one alone carries a fraction of what a card's bus does. Any thread.
void copyBytes(std::byte* to, const std::byte* from, size_t bytes);

}  // namespace switchyard::cuda
