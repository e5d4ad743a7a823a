// The calls of a store: objects, snapshots, and what it says of itself; and those of its collections.
#pragma once
#include <napi.h>

namespace switchyard::node {

void defineStores(Napi::Env env, Napi::Object exports);
void defineCollections(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
