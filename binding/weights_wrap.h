// Files of weights for JavaScript: opened and read off the event loop.
#pragma once
#include <napi.h>

namespace switchyard::node {

// Adds openWeights() and readWeights().
void defineWeights(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
