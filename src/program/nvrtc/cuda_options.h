// Which options of NVRTC users' kernels may be compiled with: those that change the code, and neither what it is made
// for nor what files it is made of.
#pragma once
#include <string>
#include <vector>

namespace switchyard {

// Throws Error(InvalidArgument), with the argument cudaOptions[i], for one that may not be given. `who`: "kernel "k"".
void checkCudaOptions(const std::string& who, const std::vector<std::string>& options);
// Whether one of them chooses the language's version.
bool chooseStandard(const std::vector<std::string>& options);

}  // namespace switchyard
