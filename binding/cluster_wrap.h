// The executor, and what a requester wants of other processes, for JavaScript.
#pragma once
#include <napi.h>

namespace switchyard::node {

// Adds ExecutorHandle, the functions that request jobs, and what channel_wrap.h and shared_wrap.h have.
void defineCluster(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
