// Compilers recurse as deep as their input is nested: on a thread whose stack is made for it.
#pragma once
#include <functional>

namespace switchyard {

// Runs `work` on a thread of its own with a large stack (address space, not memory) and waits for it. What it throws
// comes out here.
void onBigStack(const std::function<void()>& work);

}  // namespace switchyard
