// What the addon has for indexes of vectors.
#pragma once
#include <napi.h>

namespace switchyard::node {

// Adds VectorTable, VectorSearch and the functions beside them.
void defineVectors(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
