// The JavaScript object that holds a tensor on a device.
#pragma once
#include <napi.h>

#include "environment.h"

namespace switchyard::node {

// The tensors of one context, so that closing it frees them however long JavaScript keeps the objects. JavaScript
// thread only.
class TensorSet {
 public:
  struct Entry {
    std::shared_ptr<DeviceTensor> tensor;  // null once released
    void drop(Napi::Env env);
  };
  std::shared_ptr<Entry> add(Napi::Env env, std::shared_ptr<DeviceTensor> tensor);
  void dropAll(Napi::Env env);

 private:
  std::vector<std::weak_ptr<Entry>> entries_;
  size_t sweepAt_ = 16;
};

class DeviceTensorWrap : public Napi::ObjectWrap<DeviceTensorWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Value create(Environment& environment, std::shared_ptr<TensorSet::Entry> entry);
  // The tensor inside a JavaScript value; throws InvalidArgument for another kind of value, Closed for a released one.
  static std::shared_ptr<DeviceTensor> read(Napi::Env env, napi_value value);

  explicit DeviceTensorWrap(const Napi::CallbackInfo& info);
  ~DeviceTensorWrap() override;

 private:
  Napi::Value release(const Napi::CallbackInfo& info);
  std::shared_ptr<TensorSet::Entry> entry_;
};

}  // namespace switchyard::node
