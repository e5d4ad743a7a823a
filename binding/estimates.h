// What a call would take and give, before it is run.
#pragma once
#include <napi.h>

namespace switchyard::node {

void defineEstimates(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
