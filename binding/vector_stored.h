// What is stored of an index, as JavaScript writes and reads it.
#pragma once
#include <napi.h>

namespace switchyard::node {

// checksumOf(id, bytes): delivers 16 hexadecimal digits
Napi::Value checksumOf(const Napi::CallbackInfo& info);

}  // namespace switchyard::node
