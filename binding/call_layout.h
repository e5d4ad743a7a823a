// What a call's numbers are: call.def says what is where.
#pragma once
#include <cstddef>

#include "cluster/message.h"
#include "graph.h"
#include "layout.h"
#include "workload.h"

namespace switchyard::node {

#include "layout_places.h"
#include "call.def"

constexpr LayoutRow kCallRows[] = {
#include "layout_rows.h"
#include "call.def"
};
static_assert(kSlotKind == 0, "lib/call finds a tensor's kind where its description begins");
static_assert(kNodeOutputs == kNodeInputs + kMaxTensors && kNodeParams == kNodeOutputs + kMaxTensors,
              "lib/call/graph.js fills the first two at once");

}  // namespace switchyard::node
