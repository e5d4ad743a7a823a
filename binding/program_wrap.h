// A compiled program as JavaScript holds it.
#pragma once
#include <napi.h>

#include "memory/shared_memory.h"
#include "program/run/run.h"

namespace switchyard::node {

class ProgramWrap : public Napi::ObjectWrap<ProgramWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Value create(class Environment& environment, std::shared_ptr<const ProgramWorkload> program);
  // Null for what is not one of this copy of the addon.
  static ProgramWrap* read(Napi::Env env, napi_value value);
  explicit ProgramWrap(const Napi::CallbackInfo& info);

  const std::shared_ptr<const ProgramWorkload>& program() const { return program_; }
  // Where other processes find the module: put there at the first need. Throws OutOfMemory.
  const std::shared_ptr<SharedBlock>& place();

 private:
  Napi::Value bytes(const Napi::CallbackInfo& info);
  std::shared_ptr<const ProgramWorkload> program_;
  std::shared_ptr<SharedBlock> place_;
};

}  // namespace switchyard::node
