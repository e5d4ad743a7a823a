// The memory goes when JavaScript lets go of it and no job uses it any more; V8 is told how much there is.
#include "device_tensor_wrap.h"

#include "convert.h"

namespace switchyard::node {

void TensorSet::Entry::drop(Napi::Env env) {
  if (!tensor) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, -static_cast<int64_t>(tensor->spec.bytes()));
  tensor.reset();
}

std::shared_ptr<TensorSet::Entry> TensorSet::add(Napi::Env env, std::shared_ptr<DeviceTensor> tensor) {
  if (entries_.size() >= sweepAt_) {
    std::erase_if(entries_, [](const auto& entry) { return entry.expired(); });
    sweepAt_ = entries_.size() * 2 + 16;
  }
  auto entry = std::make_shared<Entry>(Entry{std::move(tensor)});
  entries_.push_back(entry);
  Napi::MemoryManagement::AdjustExternalMemory(env, static_cast<int64_t>(entry->tensor->spec.bytes()));
  return entry;
}

void TensorSet::dropAll(Napi::Env env) {
  for (const auto& known : entries_)
    if (auto entry = known.lock()) entry->drop(env);
  entries_.clear();
}

namespace {

// The address makes it this very copy of the library: objects of another build are not mistaken for ours.
const int kTagAnchor = 0;
napi_type_tag typeTag() { return {0x53575444544e5352ull, reinterpret_cast<uint64_t>(&kTagAnchor)}; }

}  // namespace

Napi::Function DeviceTensorWrap::define(Napi::Env env) {
  return DefineClass(env, "DeviceTensorHandle", {InstanceMethod<&DeviceTensorWrap::release>("release")});
}

Napi::Value DeviceTensorWrap::create(Environment& environment, std::shared_ptr<TensorSet::Entry> entry) {
  Napi::Env env(environment.env());
  return environment.deviceTensorClass.New({Napi::External<std::shared_ptr<TensorSet::Entry>>::New(env, &entry)});
}

DeviceTensorWrap::DeviceTensorWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "a DeviceTensor comes from upload()");
  entry_ = *info[0].As<Napi::External<std::shared_ptr<TensorSet::Entry>>>().Data();
  napi_type_tag tag = typeTag();
  checkStatus(info.Env(), napi_type_tag_object(info.Env(), info.This(), &tag));
}

DeviceTensorWrap::~DeviceTensorWrap() {
  if (entry_) entry_->drop(Env());
}

std::shared_ptr<DeviceTensor> DeviceTensorWrap::read(Napi::Env env, napi_value value) {
  napi_type_tag tag = typeTag();
  bool ours = false;
  if (napi_check_object_type_tag(env, value, &tag, &ours) != napi_ok || !ours) {
    napi_value ignored;
    napi_get_and_clear_last_exception(env, &ignored);
    throw Error(Code::InvalidArgument, "an input is neither a tensor nor a DeviceTensor of this copy of the addon");
  }
  DeviceTensorWrap* wrap = Unwrap(Napi::Object(env, value));
  if (!wrap->entry_->tensor) throw Error(Code::Closed, "the DeviceTensor was released, or its context closed");
  return wrap->entry_->tensor;
}

Napi::Value DeviceTensorWrap::release(const Napi::CallbackInfo& info) {
  entry_->drop(info.Env());
  return info.Env().Undefined();
}

}  // namespace switchyard::node
