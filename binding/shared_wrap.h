// Memory that the processes of a cluster share, as JavaScript objects: tensors, status pages, regions.
#pragma once
#include <napi.h>

#include <memory>

#include "memory/shared_memory.h"

namespace switchyard::node {

// A region by its id; throws Closed where this process knows none of it.
std::shared_ptr<Region> regionOf(const Napi::Value& id);
// Adds SharedHandle and the functions for pages, members and regions.
void defineShared(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
