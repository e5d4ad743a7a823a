// The JavaScript object that holds a context.
#pragma once
#include <napi.h>

#include "device_tensor_wrap.h"
#include "environment.h"

namespace switchyard::node {

class ContextWrap : public Napi::ObjectWrap<ContextWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  // Opens a device and a context on the background thread; the operation list delivers the object.
  static void open(Environment& environment, uint64_t id, std::string device, EnumerateOptions enumerate,
                   ContextOptions options);

  explicit ContextWrap(const Napi::CallbackInfo& info);
  ~ContextWrap() override;
  const std::shared_ptr<Context>& shared() const { return open(); }  // throws Closed

 private:
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value runGraph(const Napi::CallbackInfo& info);
  Napi::Value upload(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value trim(const Napi::CallbackInfo& info);
  Napi::Value programUse(const Napi::CallbackInfo& info);
  Napi::Value memoryUse(const Napi::CallbackInfo& info);
  Napi::Value device(const Napi::CallbackInfo& info);
  const std::shared_ptr<Context>& open() const;  // throws Closed

  std::shared_ptr<Context> context_;  // null once closed
  std::shared_ptr<TensorSet> tensors_ = std::make_shared<TensorSet>();
};

}  // namespace switchyard::node
