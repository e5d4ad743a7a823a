// What PTX says of a kernel's parameters and block.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace switchyard {

struct PtxEntry {
  std::string symbol, name;  // mangled; "ns::scale" without its parameters
  // their types as PTX writes them: "u64", "u64 .ptr", "f32", "align 16 .b8 [16]"
  std::vector<std::string> params;
  std::array<uint32_t, 3> blockSize = {0, 0, 0};  // .reqntid
  uint32_t maxThreads = 0;                        // .maxntid, all axes together
};

// The entries of a text of PTX, in their order.
std::vector<PtxEntry> readPtx(std::string_view ptx);

}  // namespace switchyard
