// The calls that make programs: compile, load, open and prepare them, and the list of those to warm up.
#pragma once
#include <napi.h>

namespace switchyard::node {

void definePrograms(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
