// A device that has the faults of fault_plan.h. Only in the fault build of the addon (target switchyard_node_faults).
#pragma once
#include <memory>

#include "device.h"

namespace switchyard::faults {

// Called by device.cpp with each device it has opened; throws where opening fails.
// What a GPU would do wrong shows where a GPU's faults show: `lost`, `dead` and `hang` of an upload or a launch at the
// completion of the submission, on the completion thread; that thread then waits for good, with all submissions of the
// device behind it. The CPU runs commands as they come: they fail, or stay, right there, on the lane's thread or inside
// a call that runs a job at once. Closing has nobody to tell: `lost` and `dead` show at the next use of the device,
// `oom` and `throw` not at all.
std::shared_ptr<Device> inject(std::shared_ptr<Device> device);

}  // namespace switchyard::faults
