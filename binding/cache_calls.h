// The calls that read and write a shelf of the cache folder.
#pragma once
#include <napi.h>

namespace switchyard::node {

void defineCache(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
