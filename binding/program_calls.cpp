// Compilers and drivers take their time: all of them run on threads of their own, and what they made is delivered like
// a job's end.
#include "program_calls.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "background.h"
#include "context_wrap.h"
#include "convert.h"
#include "cuda_files.h"
#include "program/compile/compile_process.h"
#include "program/loop_turns.h"
#include "program/store/store.h"
#include "program_wrap.h"

namespace switchyard::node {
namespace {

using Clock = std::chrono::steady_clock;

double millisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Napi::Array listOf(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array array = Napi::Array::New(env, texts.size());
  for (size_t i = 0; i < texts.size(); ++i) array.Set(static_cast<uint32_t>(i), texts[i]);
  return array;
}

std::string readText(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

std::optional<std::string> readOptionalText(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsString()) return std::nullopt;
  return value.As<Napi::String>().Utf8Value();
}

KernelSource readKernel(const Napi::Object& request) {
  KernelSource source;
  source.name = readText(request, "name");
  source.glsl = readOptionalText(request, "glsl");
  source.cuda = readOptionalText(request, "cuda");
  if (const Napi::Value spirv = request.Get("spirv"); !spirv.IsUndefined() && !spirv.IsNull()) {
    const ByteRange bytes = readBytes(request.Env(), spirv);
    if (bytes.bytes % 4)
      throw Error(Code::InvalidArgument,
                  "spirv has " + std::to_string(bytes.bytes) + " bytes, but SPIR-V is made of words of 4 bytes");
    source.spirv.emplace(bytes.bytes / 4);
    if (bytes.bytes) std::memcpy(source.spirv->data(), bytes.data, bytes.bytes);
  }
  if (const Napi::Value bindings = request.Get("bindings"); bindings.IsArray()) {
    auto names = bindings.As<Napi::Array>();
    for (uint32_t i = 0; i < names.Length(); ++i)
      source.bindings.push_back(names.Get(i).As<Napi::String>().Utf8Value());
  }
  if (const Napi::Value options = request.Get("cudaOptions"); options.IsArray()) {
    auto texts = options.As<Napi::Array>();
    for (uint32_t i = 0; i < texts.Length(); ++i)
      source.cudaOptions.push_back(texts.Get(i).As<Napi::String>().Utf8Value());
  }
  if (const Napi::Value bytes = request.Get("sharedBytes"); bytes.IsNumber())
    source.sharedBytes = bytes.As<Napi::Number>().Uint32Value();
  source.cudaOwnFeatures = readText(request, "cudaFeatures") == "architecture";
  if (const Napi::Value arch = request.Get("cudaArch"); arch.IsNumber())
    source.cudaArch = arch.As<Napi::Number>().Uint32Value();
  return source;
}

class CompileOperation : public Operation {
 public:
  using Operation::Operation;
  Napi::Value result(Environment& environment) override {
    if (error) std::rethrow_exception(error);
    Napi::Env env(environment.env());
    Napi::Object result = Napi::Object::New(env);
    result.Set("handle", program ? ProgramWrap::create(environment, program) : env.Null());
    result.Set("fromDisk", Napi::Boolean::New(env, fromDisk));
    result.Set("ms", Napi::Number::New(env, ms));
    result.Set("problems", listOf(env, problems));
    return result;
  }
  void cancel() override { canceled = true; }
  std::atomic<bool> canceled{false};
  std::shared_ptr<const ProgramWorkload> program;
  std::exception_ptr error;
  std::vector<std::string> problems;
  double ms = 0;
  bool fromDisk = false, tellsOfVulkan = false;
};

class PrepareOperation : public Operation {
 public:
  using Operation::Operation;
  Napi::Value result(Environment& environment) override {
    if (error) std::rethrow_exception(error);
    Napi::Object result = Napi::Object::New(environment.env());
    result.Set("ms", ms);
    return result;
  }
  std::exception_ptr error;
  double ms = 0;
};

// The code that is made for the lowest of this machine's cards runs on all of them. 0: there is none.
uint32_t lowestCapability() {
  static const uint32_t lowest = [] {
    uint32_t found = 0;
    for (const DeviceInfo& device : enumerateDevices({.cuda = true, .vulkan = false}).devices)
      if (device.computeCapability && (!found || device.computeCapability < found)) found = device.computeCapability;
    return found;
  }();
  return lowest;
}

std::shared_ptr<ProgramStore::Room> roomOf(const std::string& folder) {
  // leaked on purpose: compilers may end late
  static auto* rooms = new std::map<std::string, std::shared_ptr<ProgramStore::Room>>;
  static auto* mutex = new std::mutex;
  std::lock_guard lock(*mutex);
  auto& room = (*rooms)[folder];
  if (!room) room = std::make_shared<ProgramStore::Room>();
  return room;
}

// A store for one call: what it has to report goes with that call's result. What it knows of the folder's room stays.
ProgramStore storeOf(const std::string& folder, std::vector<std::string>& problems) {
  return ProgramStore(
      folder, {}, [&problems](const std::string& problem) { problems.push_back(problem); }, roomOf(folder));
}

// What a driver that cuts loops will do to a program's, without a word.
void tellOfCutLoops(CompileOperation& operation) {
  const ProgramModule& module = *operation.program->module;
  uint64_t turns = 0;
  for (const auto* words : {&module.compute, &module.vertex, &module.fragment})
    if (!words->empty()) turns = std::max(turns, mostLoopTurns(*words));
  if (turns == 0) return;
  static const auto& devices = *new std::vector<DeviceInfo>(enumerateDevices({.cuda = false}).devices);
  for (const DeviceInfo& device : devices)
    if (device.maxLoopTurns && turns > device.maxLoopTurns)
      operation.problems.push_back("\"" + module.info.name + "\" has a loop that may make more than " +
                                   std::to_string(device.maxLoopTurns) + " turns: " + device.id + " (" + device.name +
                                   ") ends a thread's loops there, without an error; give each thread less to do, or "
                                   "use another device");
}

template <class Source>
void make(CompileOperation& operation, const Source& source, const std::string& folder) {
  const auto start = Clock::now();
  const ProgramId id = programId(source);
  operation.program = ProgramTable::shared().find(id);
  if (operation.program) {
    operation.fromDisk = true;  // it was made before
  } else if (folder.empty()) {
    operation.program = ProgramTable::shared().add(compileApart(source, operation.canceled));
  } else {
    ProgramStore store = storeOf(folder, operation.problems);
    if (auto module = store.load(id)) {
      operation.fromDisk = true;
      operation.program = ProgramTable::shared().add(std::move(module));
    } else {
      auto compiled = compileApart(source, operation.canceled);
      store.store(*compiled);
      operation.program = ProgramTable::shared().add(std::move(compiled));
    }
  }
  operation.ms = millisecondsSince(start);
  if (operation.tellsOfVulkan) tellOfCutLoops(operation);
}

template <class AnyOperation>
void failWithoutThread(Environment& environment, AnyOperation& operation) {
  operation.error = std::make_exception_ptr(Error(Code::OutOfMemory, "the system has no thread left to compile on"));
  environment.operations.push(&operation);
}

template <class Work>
void runAlone(Environment& environment, const std::shared_ptr<CompileOperation>& operation, Work work) {
  environment.operations.begin(operation);
  const bool begun =
      Background::shared().tryPostAlone([operation, shared = environment.shared(), work = std::move(work)]() mutable {
        try {
          work(*operation);
        } catch (...) {
          operation->error = std::current_exception();
        }
        shared->operations.push(operation.get());
      });
  if (!begun) failWithoutThread(environment, *operation);
}

// compileProgram(id, request)
Napi::Value compileProgram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    auto request = info[1].As<Napi::Object>();
    auto operation = std::make_shared<CompileOperation>(readUint(info[0]));
    const std::string folder = readText(request, "folder");
    const Napi::Value vulkan = request.Get("vulkan");
    operation->tellsOfVulkan = vulkan.IsBoolean() && vulkan.As<Napi::Boolean>().Value();
    if (readText(request, "kind") == "shader") {
      ShaderSource source{readText(request, "name"), readText(request, "vertex"), readText(request, "fragment")};
      runAlone(Environment::of(env), operation,
               [source = std::move(source), folder](CompileOperation& made) { make(made, source, folder); });
    } else {
      KernelSource source = readKernel(request);
      runAlone(Environment::of(env), operation, [source = std::move(source), folder](CompileOperation& made) mutable {
        if (source.cuda && !source.cudaArch) source.cudaArch = lowestCapability();
        make(made, source, folder);
      });
    }
    return env.Undefined();
  });
}

ProgramId readId(const Napi::Value& value) {
  const std::string hex = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  ProgramId id{};
  auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  bool good = hex.size() == 2 * id.size();
  for (size_t i = 0; good && i < id.size(); ++i) {
    const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
    good = high >= 0 && low >= 0;
    id[i] = static_cast<uint8_t>(good ? high * 16 + low : 0);
  }
  if (!good) throw Error(Code::InvalidArgument, "a program's id is 64 hexadecimal digits");
  return id;
}

// loadProgram(id, program, folder): from this process or the disk; its handle is null where it is in neither
Napi::Value loadProgram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    auto operation = std::make_shared<CompileOperation>(readUint(info[0]));
    runAlone(Environment::of(env), operation,
             [id = readId(info[1]), folder = info[2].As<Napi::String>().Utf8Value()](CompileOperation& made) {
               made.program = ProgramTable::shared().find(id);
               if (made.program || folder.empty()) return;
               if (auto module = storeOf(folder, made.problems).load(id))
                 made.program = ProgramTable::shared().add(std::move(module));
             });
    return env.Undefined();
  });
}

// openProgram(bytes) -> ProgramHandle
Napi::Value openProgram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const ByteRange bytes = readBytes(env, info[0]);
    auto module = decodeModule({reinterpret_cast<const uint8_t*>(bytes.data), bytes.bytes});
    return ProgramWrap::create(Environment::of(env), ProgramTable::shared().add(std::move(module)));
  });
}

// prepareProgram(id, context, program)
Napi::Value prepareProgram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    auto operation = std::make_shared<PrepareOperation>(readUint(info[0]));
    auto context = ContextWrap::Unwrap(info[1].As<Napi::Object>())->shared();
    ProgramWrap* wrap = ProgramWrap::read(env, info[2]);
    if (!context) throw Error(Code::Closed, "the context is closed");
    if (!wrap) throw Error(Code::InvalidArgument, "that is no program of this copy of the addon");
    environment.operations.begin(operation);
    const bool begun = Background::shared().tryPostAlone(
        [operation, shared = environment.shared(), context = std::move(context), program = wrap->program()]() mutable {
          const auto start = Clock::now();
          try {
            context->prepare(program->module);
          } catch (...) {
            operation->error = std::current_exception();
          }
          operation->ms = millisecondsSince(start);
          context.reset();
          shared->operations.push(operation.get());
        });
    if (!begun) failWithoutThread(environment, *operation);
    return env.Undefined();
  });
}

Napi::Value loadWarmUp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    std::vector<std::string> problems;
    const auto ids = storeOf(info[0].As<Napi::String>().Utf8Value(), problems).loadWarmUp();
    Napi::Object result = Napi::Object::New(env);
    std::vector<std::string> names;
    for (const ProgramId& id : ids) names.push_back(hexOf(id));
    result.Set("ids", listOf(env, names));
    result.Set("problems", listOf(env, problems));
    return result;
  });
}

Napi::Value storeWarmUp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    std::vector<std::string> problems;
    std::vector<ProgramId> ids;
    auto list = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); ++i) ids.push_back(readId(list.Get(i)));
    return Napi::Boolean::New(env, storeOf(info[0].As<Napi::String>().Utf8Value(), problems).storeWarmUp(ids));
  });
}

Napi::Value cacheFolder(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), defaultCacheFolder()); }

// cudaFiles() -> { cublasLt, nvrtc, headers }: which files of CUDA would be taken, and why others are not
Napi::Value cudaFiles(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const CudaSearch search = systemSearch();
    Napi::Object result = Napi::Object::New(env);
    std::string nvrtc, version;
    for (const CudaLibrary* library : {&kCublasLtFiles, &kNvrtcFiles}) {
      const CudaFiles files = findLibrary(*library, search);
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("passedOver", listOf(env, files.passedOver));
      if (!files.found.empty()) {
        nvrtc = files.found[0].path, version = versionOf(*library, nvrtc);
        entry.Set("path", nvrtc);
        entry.Set("origin", files.found[0].origin);
        entry.Set("version", version);
      }
      result.Set(library->name, entry);
      if (files.found.empty()) nvrtc.clear();
    }
    const CudaHeaders headers = nvrtc.empty() ? CudaHeaders{} : findHeaders(nvrtc, std::atoi(version.c_str()), search);
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("folders", listOf(env, headers.folders));
    entry.Set("version", headers.version);
    entry.Set("passedOver", listOf(env, headers.passedOver));
    result.Set("headers", entry);
    return result;
  });
}

}  // namespace

void definePrograms(Napi::Env env, Napi::Object exports) {
  Environment::of(env).programClass = Napi::Persistent(ProgramWrap::define(env));
  auto put = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  put("compileProgram", compileProgram);
  put("loadProgram", loadProgram);
  put("openProgram", openProgram);
  put("prepareProgram", prepareProgram);
  put("loadWarmUp", loadWarmUp);
  put("storeWarmUp", storeWarmUp);
  put("cacheFolder", cacheFolder);
  put("cudaFiles", cudaFiles);
}

}  // namespace switchyard::node
