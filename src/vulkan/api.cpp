// Finds the Vulkan loader with dlopen and fills the function tables.
#include "vulkan/api.h"

#include <dlfcn.h>

#include <mutex>

namespace switchyard::vulkan {
namespace {

template <class F>
void take(F& slot, PFN_vkVoidFunction found, const char* name) {
  if (!found) throw Error(Code::Unsupported, std::string("the Vulkan loader has no ") + name);
  slot = reinterpret_cast<F>(found);
}

struct Loaded {
  std::mutex mutex;
  GlobalApi api;
  bool ready = false;
};

}  // namespace

const GlobalApi* loadGlobalApi(std::string& why) {
  static Loaded& loaded = *new Loaded;  // never destroyed: process exit may still be using it on other threads
  std::lock_guard lock(loaded.mutex);
  if (loaded.ready) return &loaded.api;
  void* library = nullptr;
  for (const char* name : {"libvulkan.so.1", "libvulkan.so"})
    if ((library = dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
  if (!library) {
    const char* text = dlerror();
    why = text ? text : "libvulkan.so.1 was not found";
    return nullptr;
  }
  auto get = reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(library, "vkGetInstanceProcAddr"));
  if (!get) {
    why = "libvulkan.so.1 has no vkGetInstanceProcAddr";
    return nullptr;
  }
  loaded.api.vkGetInstanceProcAddr = get;
#define SY_VK_TAKE(name) loaded.api.name = reinterpret_cast<PFN_##name>(get(nullptr, #name));
  SY_VK_GLOBAL(SY_VK_TAKE)
#undef SY_VK_TAKE
  if (!loaded.api.vkCreateInstance || !loaded.api.vkEnumerateInstanceVersion) {
    why = "libvulkan.so.1 is older than Vulkan 1.1";
    return nullptr;
  }
  loaded.ready = true;
  return &loaded.api;
}

InstanceApi loadInstanceApi(const GlobalApi& global, VkInstance instance) {
  InstanceApi api;
#define SY_VK_TAKE(name) take(api.name, global.vkGetInstanceProcAddr(instance, #name), #name);
  SY_VK_INSTANCE(SY_VK_TAKE)
#undef SY_VK_TAKE
  return api;
}

DeviceApi loadDeviceApi(const InstanceApi& instance, VkDevice device) {
  DeviceApi api;
#define SY_VK_TAKE(name) take(api.name, instance.vkGetDeviceProcAddr(device, #name), #name);
  SY_VK_DEVICE(SY_VK_TAKE)
#undef SY_VK_TAKE
  api.vkGetMemoryHostPointerPropertiesEXT = reinterpret_cast<PFN_vkGetMemoryHostPointerPropertiesEXT>(
      instance.vkGetDeviceProcAddr(device, "vkGetMemoryHostPointerPropertiesEXT"));
  api.vkCmdPushDescriptorSetKHR = reinterpret_cast<PFN_vkCmdPushDescriptorSetKHR>(
      instance.vkGetDeviceProcAddr(device, "vkCmdPushDescriptorSetKHR"));
  return api;
}

const char* resultName(VkResult result) noexcept {
  switch (result) {
#define SY_VK_RESULT(name) \
  case name: return #name;
    SY_VK_RESULT(VK_SUCCESS)
    SY_VK_RESULT(VK_NOT_READY)
    SY_VK_RESULT(VK_TIMEOUT)
    SY_VK_RESULT(VK_INCOMPLETE)
    SY_VK_RESULT(VK_ERROR_OUT_OF_HOST_MEMORY)
    SY_VK_RESULT(VK_ERROR_OUT_OF_DEVICE_MEMORY)
    SY_VK_RESULT(VK_ERROR_INITIALIZATION_FAILED)
    SY_VK_RESULT(VK_ERROR_DEVICE_LOST)
    SY_VK_RESULT(VK_ERROR_MEMORY_MAP_FAILED)
    SY_VK_RESULT(VK_ERROR_LAYER_NOT_PRESENT)
    SY_VK_RESULT(VK_ERROR_EXTENSION_NOT_PRESENT)
    SY_VK_RESULT(VK_ERROR_FEATURE_NOT_PRESENT)
    SY_VK_RESULT(VK_ERROR_INCOMPATIBLE_DRIVER)
    SY_VK_RESULT(VK_ERROR_TOO_MANY_OBJECTS)
    SY_VK_RESULT(VK_ERROR_FRAGMENTED_POOL)
    SY_VK_RESULT(VK_ERROR_OUT_OF_POOL_MEMORY)
    SY_VK_RESULT(VK_ERROR_INVALID_EXTERNAL_HANDLE)
    SY_VK_RESULT(VK_ERROR_FRAGMENTATION)
    SY_VK_RESULT(VK_ERROR_UNKNOWN)
#undef SY_VK_RESULT
    default: return "an unknown VkResult";
  }
}

void fail(VkResult result, const char* what) {
  Code code = Code::Internal;
  switch (result) {
    case VK_ERROR_DEVICE_LOST: code = Code::DeviceLost; break;
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTATION:
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_MEMORY_MAP_FAILED:
    case VK_ERROR_TOO_MANY_OBJECTS: code = Code::OutOfMemory; break;
    default: break;
  }
  throw Error(code, std::string(what) + ": " + resultName(result) + " (" + std::to_string(int(result)) + ")");
}

}  // namespace switchyard::vulkan
