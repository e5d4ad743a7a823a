// What C++ and JavaScript both have to know, told once: the addon's `facts`.
#pragma once
#include <napi.h>

namespace switchyard::node {

// Plain frozen objects: error codes, dtypes, backends, kinds of work. lib/addon/native.js has their types.
Napi::Object describeFacts(Napi::Env env);
// The same of what stands where in numbers that both use (layout.h): lib/addon/layouts.js hands them on.
Napi::Object describeLayouts(Napi::Env env);

}  // namespace switchyard::node
