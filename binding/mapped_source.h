// Files of collections as what indexes read of them: blocks are checked when they are first read.
#pragma once
#include <napi.h>

#include <memory>

#include "store/data_file.h"
#include "vectors/source.h"

namespace switchyard::node {

// `mapping`: of the whole file.
Napi::Value wrapSource(Napi::Env env, std::shared_ptr<store::DataFile> file,
                       std::shared_ptr<const store::Mapping> mapping);
// Null for undefined; throws InvalidArgument for anything else that is none.
std::shared_ptr<vectors::Source> unwrapSource(const Napi::Value& value);

}  // namespace switchyard::node
