// What JavaScript could take away under a job is held: the store behind an ArrayBuffer outlives its transfer, its
// detaching and the thread that it went to.
#pragma once
#include <napi.h>

#include <memory>

namespace switchyard::node {

// Memory of our own that an ArrayBuffer has been made of. The buffer's store does not own it: it is let go of when the
// buffer is collected, and at the latest when the thread that got it ends, whoever holds the store. So holdMemory()
// holds the block itself. Until forgetOwn(), which is to come before the buffer's own reference goes.
void rememberOwn(const void* data, const std::shared_ptr<const void>& block);
void forgetOwn(const void* data, const std::shared_ptr<const void>& block);

// Holds the memory of a typed array until the last reference goes, from any thread. Null where the runtime has no way:
// what a job uses is to be copied there.
std::shared_ptr<const void> holdMemory(napi_env env, napi_value typedArray);

// Whether `transfer`, called now, changes the length of a buffer's memory though it is held.
bool resizesHeld(napi_env env, napi_value arrayBuffer, napi_value transfer);

// For tests: false makes holdMemory() answer as such a runtime does.
void allowHolding(bool allowed);

}  // namespace switchyard::node
