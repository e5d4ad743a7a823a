// What JavaScript is told of a program, and where its module lies for other processes.
#include "program_wrap.h"

#include <cstring>

#include "convert.h"
#include "environment.h"

namespace switchyard::node {
namespace {

// The address makes it this very copy of the library.
const int kTagAnchor = 0;
napi_type_tag typeTag() { return {0x535754444550524full, reinterpret_cast<uint64_t>(&kTagAnchor)}; }

const char* scalarName(ProgramParam::Scalar scalar) {
  static constexpr const char* kNames[] = {"float", "int", "uint", "bool"};
  return kNames[static_cast<int>(scalar)];
}

template <class List, class Describe>
Napi::Array describeAll(Napi::Env env, const List& list, Describe describe) {
  Napi::Array array = Napi::Array::New(env, list.size());
  for (size_t i = 0; i < list.size(); ++i) array.Set(static_cast<uint32_t>(i), describe(list[i]));
  return array;
}

Napi::Object describeProgram(Napi::Env env, const ProgramModule& module) {
  const ProgramInfo& info = module.info;
  auto number = [&](double value) { return Napi::Number::New(env, value); };
  auto flag = [&](bool value) { return Napi::Boolean::New(env, value); };
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", info.kind == ProgramKind::Kernel ? "kernel" : "shader");
  result.Set("name", info.name);
  result.Set("bindings", describeAll(env, info.bindings, [&](const ProgramBinding& binding) {
               Napi::Object entry = Napi::Object::New(env);
               entry.Set("name", binding.name);
               entry.Set("kind", binding.kind == ProgramBinding::Kind::Buffer ? "buffer" : "image");
               entry.Set("element", elementName(binding.element));
               entry.Set("elementBytes", number(binding.elementBytes));
               entry.Set("minBytes", number(static_cast<double>(binding.minBytes)));
               entry.Set("readOnly", flag(binding.readOnly));
               entry.Set("writeOnly", flag(binding.writeOnly));
               return entry;
             }));
  result.Set("params", describeAll(env, info.params, [&](const ProgramParam& param) {
               Napi::Object entry = Napi::Object::New(env);
               entry.Set("name", param.name);
               entry.Set("scalar", scalarName(param.scalar));
               entry.Set("rows", number(param.rows));
               entry.Set("columns", number(param.columns));
               entry.Set("elements", number(param.elements));
               entry.Set("offset", number(param.offset));
               entry.Set("arrayStride", number(param.arrayStride));
               entry.Set("matrixStride", number(param.matrixStride));
               return entry;
             }));
  result.Set("paramBytes", number(info.paramBytes));
  Napi::Array group = Napi::Array::New(env, 3);
  for (uint32_t axis = 0; axis < 3; ++axis) group.Set(axis, number(info.groupSize[axis]));
  result.Set("groupSize", group);
  result.Set("attributes", describeAll(env, info.attributes, [&](const ProgramAttribute& attribute) {
               Napi::Object entry = Napi::Object::New(env);
               entry.Set("name", attribute.name);
               entry.Set("scalar", scalarName(attribute.scalar));
               entry.Set("rows", number(attribute.rows));
               entry.Set("columns", number(attribute.columns));
               return entry;
             }));
  const auto names = [&](const std::vector<std::string>& list) {
    return describeAll(env, list, [&](const std::string& name) { return Napi::String::New(env, name); });
  };
  Napi::Object unused = Napi::Object::New(env);
  unused.Set("attributes", names(info.unused.attributes));
  unused.Set("buffers", names(info.unused.buffers));
  unused.Set("uniforms", names(info.unused.uniforms));
  result.Set("unused", unused);
  result.Set("vulkan", flag(module.forVulkan()));
  result.Set("cuda", flag(module.forCuda()));
  if (module.forCuda() && module.cuda.ptx.empty()) {
    std::vector<std::string> only = {std::to_string(module.cuda.arch)};
    for (const CudaCubin& other : module.cuda.others) only.push_back(std::to_string(other.arch));
    for (std::string& arch : only) arch.insert(arch.size() - 1, ".");
    result.Set("cudaOnly", names(only));
  }
  result.Set("bytes", number(static_cast<double>(module.bytes())));
  return result;
}

}  // namespace

Napi::Function ProgramWrap::define(Napi::Env env) {
  return DefineClass(env, "ProgramHandle", {InstanceMethod<&ProgramWrap::bytes>("bytes")});
}

Napi::Value ProgramWrap::create(Environment& environment, std::shared_ptr<const ProgramWorkload> program) {
  Napi::Env env(environment.env());
  Napi::Object made =
      environment.programClass.New({Napi::External<std::shared_ptr<const ProgramWorkload>>::New(env, &program)});
  made.DefineProperties(
      {Napi::PropertyDescriptor::Value("id", Napi::String::New(env, hexOf(program->module->id)), napi_enumerable),
       Napi::PropertyDescriptor::Value("info", describeProgram(env, *program->module), napi_enumerable)});
  return made;
}

ProgramWrap::ProgramWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal())
    throw Napi::TypeError::New(info.Env(), "a program comes from compileKernel() or compileShader()");
  program_ = *info[0].As<Napi::External<std::shared_ptr<const ProgramWorkload>>>().Data();
  napi_type_tag tag = typeTag();
  checkStatus(info.Env(), napi_type_tag_object(info.Env(), info.This(), &tag));
}

ProgramWrap* ProgramWrap::read(Napi::Env env, napi_value value) {
  napi_type_tag tag = typeTag();
  bool ours = false;
  if (napi_check_object_type_tag(env, value, &tag, &ours) == napi_ok && ours) return Unwrap(Napi::Object(env, value));
  napi_value ignored;
  napi_get_and_clear_last_exception(env, &ignored);
  return nullptr;
}

const std::shared_ptr<SharedBlock>& ProgramWrap::place() {
  if (!place_) {
    const std::vector<uint8_t> bytes = encodeModule(*program_->module);
    auto block = SharedHeap::shared().allocate(bytes.size());
    std::memcpy(block->data(), bytes.data(), bytes.size());
    place_ = std::move(block);
  }
  return place_;
}

Napi::Value ProgramWrap::bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::vector<uint8_t> bytes = encodeModule(*program_->module);
    auto array = Napi::Uint8Array::New(info.Env(), bytes.size());
    std::memcpy(array.Data(), bytes.data(), bytes.size());
    return array;
  });
}

}  // namespace switchyard::node
