// Compiling in a process of its own: what no compiler can be stopped at there ends with the process, and nothing else
// does. Compile processes are started at the first need, kept, and used again.
#pragma once
#include <atomic>

#include "program/compile/compile_wire.h"

namespace switchyard {

struct CompileLimits {
  // Of processor time: a machine that is busy with other things takes nothing from a source. CUDA's compiler may take
  // its time: its sources are the user's own.
  double seconds = 10, secondsOfCuda = 120;
};

// Compiles in a compile process, on whose end the calling thread waits. Once `canceled` is set it throws
// Error(Canceled), within 50 ms. Throws what compileKernel() and compileShader() throw; Compile for a source that
// takes the compiler more than the limits (512 MB of memory beside its stack; processor time), or crashes it;
// OutOfMemory where the system has none for the process; Timeout where the process does not begin with it; Internal
// where its file (switchyard-compiler, beside this library) is missing.
std::shared_ptr<ProgramModule> compileApart(const AnySource& source, const std::atomic<bool>& canceled,
                                            const CompileLimits& limits = {});

// The process is about to end: what compiles throws Canceled, and so does what comes later.
void endCompiling() noexcept;

// For tests: the compile processes that wait for something to do.
std::vector<int> idleCompileProcesses();

}  // namespace switchyard
