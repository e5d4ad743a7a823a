// Makes the VkInstance and counts what the validation layer says.
#include "vulkan/instance.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "thread.h"

namespace switchyard::vulkan {
namespace {

std::atomic<uint64_t> messageCount{0};

VKAPI_ATTR VkBool32 VKAPI_CALL onMessage(VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT,
                                         const VkDebugUtilsMessengerCallbackDataEXT* data, void*) {
  // A shader of a user's may leave unused what it likes.
  const char* const id = data && data->pMessageIdName ? data->pMessageIdName : "";
  if (std::strstr(id, "Shader-OutputNotConsumed")) return VK_FALSE;
  messageCount.fetch_add(1, std::memory_order_relaxed);
  std::fprintf(stderr, "vulkan validation: %s\n", data && data->pMessage ? data->pMessage : "(no text)");
  return VK_FALSE;
}

VkDebugUtilsMessengerCreateInfoEXT messengerInfo() {
  VkDebugUtilsMessengerCreateInfoEXT info{VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT};
  info.messageSeverity =
      VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  // The loader reports broken driver files as general messages: those are not ours.
  info.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT;
  info.pfnUserCallback = onMessage;
  return info;
}

bool validationWanted() {
  const char* value = std::getenv("SWITCHYARD_VULKAN_VALIDATION");
  return value && *value && std::strcmp(value, "0") != 0;
}

struct Cache {
  std::mutex mutex;
  std::weak_ptr<Instance> instance;
};

}  // namespace

uint64_t validationMessages() noexcept { return messageCount.load(std::memory_order_relaxed); }

std::shared_ptr<Instance> Instance::get(bool* noLoader) {
  static Cache& cache = *new Cache;  // owns no instance, and is never destroyed
  if (noLoader) *noLoader = false;
  std::lock_guard lock(cache.mutex);
  if (auto live = cache.instance.lock()) return live;
  std::string why;
  const GlobalApi* global = loadGlobalApi(why);
  if (!global) {
    if (noLoader) *noLoader = true;
    throw Error(Code::Unsupported, "no Vulkan loader: " + why);
  }
  std::shared_ptr<Instance> made(new Instance(*global, validationWanted()));
  cache.instance = made;
  return made;
}

void keepDriversLoaded() {
  [[maybe_unused]] static const auto& kept = *new std::shared_ptr<Instance>(Instance::get());  // never destroyed
}

Instance::Instance(const GlobalApi& global, bool validate) : global_(&global) {
  uint32_t version = VK_API_VERSION_1_0;
  check(global.vkEnumerateInstanceVersion(&version), "vkEnumerateInstanceVersion");
  if (version < VK_API_VERSION_1_2) throw Error(Code::Unsupported, "the Vulkan loader is older than 1.2");
  VkApplicationInfo application{VK_STRUCTURE_TYPE_APPLICATION_INFO};
  application.pApplicationName = application.pEngineName = "switchyard";
  application.apiVersion = VK_API_VERSION_1_2;
  VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
  info.pApplicationInfo = &application;

  const char* layer = "VK_LAYER_KHRONOS_validation";
  const char* extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
  const VkValidationFeatureEnableEXT enables[] = {VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
  VkValidationFeaturesEXT features{VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT};
  features.enabledValidationFeatureCount = 1;
  features.pEnabledValidationFeatures = enables;
  auto messenger = messengerInfo();
  if (validate) {
    features.pNext = &messenger;
    info.pNext = &features;
    info.enabledLayerCount = 1;
    info.ppEnabledLayerNames = &layer;
    info.enabledExtensionCount = 2;
    info.ppEnabledExtensionNames = extensions;
  }
  check(global.vkCreateInstance(&info, nullptr, &instance_), "vkCreateInstance");
  try {
    api_ = loadInstanceApi(global, instance_);
    if (!validate) return;
    api_.vkCreateDebugUtilsMessengerEXT = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
        global.vkGetInstanceProcAddr(instance_, "vkCreateDebugUtilsMessengerEXT"));
    api_.vkDestroyDebugUtilsMessengerEXT = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
        global.vkGetInstanceProcAddr(instance_, "vkDestroyDebugUtilsMessengerEXT"));
    check(api_.vkCreateDebugUtilsMessengerEXT(instance_, &messenger, nullptr, &messenger_),
          "vkCreateDebugUtilsMessengerEXT");
  } catch (...) {
    if (auto destroy =
            reinterpret_cast<PFN_vkDestroyInstance>(global.vkGetInstanceProcAddr(instance_, "vkDestroyInstance")))
      destroy(instance_, nullptr);
    throw;
  }
}

Instance::~Instance() {
  if (messenger_) api_.vkDestroyDebugUtilsMessengerEXT(instance_, messenger_, nullptr);
  api_.vkDestroyInstance(instance_, nullptr);
}

std::vector<VkPhysicalDevice> Instance::physicalDevices() const {
  // Mesa's software driver starts its threads here; a hardware driver has none to start yet.
  const ComputeThreadsStart software;
  uint32_t count = 0;
  VkResult result = api_.vkEnumeratePhysicalDevices(instance_, &count, nullptr);
  if (result == VK_ERROR_INITIALIZATION_FAILED || result == VK_ERROR_INCOMPATIBLE_DRIVER) return {};  // no driver
  check(result, "vkEnumeratePhysicalDevices");
  std::vector<VkPhysicalDevice> devices(count);
  if (count) check(api_.vkEnumeratePhysicalDevices(instance_, &count, devices.data()), "vkEnumeratePhysicalDevices");
  devices.resize(count);
  return devices;
}

}  // namespace switchyard::vulkan
