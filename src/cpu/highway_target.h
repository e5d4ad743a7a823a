// Which of Highway's targets its dispatch takes here.
#pragma once
#include <cstdint>

namespace switchyard::cpu {

// A bit of Highway's; better targets have lower ones. A jump through a table: hwy::SupportedTargets() asks the
// processor each time, which takes tens of microseconds in a virtual machine. What tests hold Highway to counts.
int64_t highwayTarget() noexcept;

}  // namespace switchyard::cpu
