// Which faults are ordered: the environment variable SWITCHYARD_FAULT, read when the addon is loaded.
//
//   SWITCHYARD_FAULT=<fault>@<place>[:after=N][:times=M][:device=cpu|cuda|vulkan][:once=<file>][,...]
//
//   fault   abort   abort()
//           segv    a write to address 0
//           lost    the device is lost, and stays so until it is opened anew
//           dead    the device is lost for good: this process can't open it again, as a card of CUDA's after a fatal
//                   error (src/lost_devices.h)
//           oom     out of memory (jobs are tried once more by the core: one fault heals, times=2 shows)
//           hang    the operation never ends
//           throw   an exception that is not the core's
//   place start opening a device (once a process as long as somebody holds it), then making each queue: a GPU context
//     has
//                     one, a CPU context two
//           upload    a job's first upload or host memory used in place
//           launch    a job's first kernel, matrix product or picture
//           readback  the completion of a submission with kernels or downloads in it
//           close     the end of a queue, and of a device
//   after   this many passes are fine first (0); counted by each process for itself, on the devices of `device` alone
//   times   then this many passes in a row have the fault (1)
//   once only in the process that succeeds in making this file: a fault in one of many processes. No ',' or ':' in its
//     name.
// A job is counted once a place, small GPU jobs joined into one submission each by itself up to its completion; one
//that waits for its own results in between once a submission. An order that can't be read ends the process.
#pragma once
#include <optional>

#include "device.h"

namespace switchyard::faults {

enum class Fault { Abort, Segv, Lost, Dead, Oom, Hang, Throw };
enum class Place { Start, Upload, Launch, Readback, Close };

// Counts a pass. What is to happen at it, told on stderr already. Thread-safe.
std::optional<Fault> pass(Place place, const DeviceInfo& device);

}  // namespace switchyard::faults
