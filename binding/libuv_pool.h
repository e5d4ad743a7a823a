// The lanes of this process's contexts on libuv's thread pool.
#pragma once
#include "lane_pool.h"

namespace switchyard::node {

// The same for all environments of the process; never destroyed. Throws Error where the system has no room for it.
LanePool& libuvPool();

}  // namespace switchyard::node
