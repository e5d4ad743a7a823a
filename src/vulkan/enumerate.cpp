// Looks at every physical device and says what it is, or why it cannot be used.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>

#include "topology.h"
#include "vulkan/descriptors.h"
#include "vulkan/loops.h"

namespace switchyard::vulkan {
namespace {

constexpr uint32_t kBindingsNeeded = kMaxBindings, kInvocationsNeeded = 256;
constexpr uint64_t kMaxViewBytes = (1ull << 32) - 256;  // shaders index bytes and words with 32 bits

std::string hex(const uint8_t* bytes, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

std::string uuidText(const uint8_t* bytes) {
  std::string text = hex(bytes, 16);
  for (size_t at : {20, 16, 12, 8}) text.insert(at, "-");
  return text;
}

std::string busIdText(const VkPhysicalDevicePCIBusInfoPropertiesEXT& place) {
  char text[32];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.%x", place.pciDomain, place.pciBus, place.pciDevice,
                place.pciFunction);
  return text;
}

std::string versionText(uint32_t v) {
  return std::to_string(VK_API_VERSION_MAJOR(v)) + "." + std::to_string(VK_API_VERSION_MINOR(v)) + "." +
         std::to_string(VK_API_VERSION_PATCH(v));
}

std::string vendorName(uint32_t id) {
  switch (id) {
    case 0x10DE: return "NVIDIA";
    case 0x1002: return "AMD";
    case 0x8086: return "Intel";
    case 0x13B5: return "Arm";
    case 0x5143: return "Qualcomm";
    case 0x106B: return "Apple";
    case 0x1AE0: return "Google";
    case VK_VENDOR_ID_MESA: return "Mesa";
    default: return "vendor " + std::to_string(id);
  }
}

DeviceType typeOf(VkPhysicalDeviceType type) {
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return DeviceType::Discrete;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return DeviceType::Integrated;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return DeviceType::Cpu;
    default: return DeviceType::Virtual;
  }
}

class Extensions {
 public:
  Extensions(const InstanceApi& api, VkPhysicalDevice physical) {
    uint32_t count = 0;
    check(api.vkEnumerateDeviceExtensionProperties(physical, nullptr, &count, nullptr),
          "vkEnumerateDeviceExtensionProperties");
    list_.resize(count);
    check(api.vkEnumerateDeviceExtensionProperties(physical, nullptr, &count, list_.data()),
          "vkEnumerateDeviceExtensionProperties");
    list_.resize(count);
  }
  bool has(const char* name) const {
    return std::any_of(list_.begin(), list_.end(),
                       [&](const auto& e) { return std::strcmp(e.extensionName, name) == 0; });
  }

 private:
  std::vector<VkExtensionProperties> list_;
};

// Drawing and computing on one family where that exists, so that a picture can follow its data; else any that computes.
bool chooseFamily(const InstanceApi& api, PhysicalInfo& d) {
  uint32_t count = 0;
  api.vkGetPhysicalDeviceQueueFamilyProperties(d.physical, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  api.vkGetPhysicalDeviceQueueFamilyProperties(d.physical, &count, families.data());
  for (VkQueueFlags wanted : {VK_QUEUE_COMPUTE_BIT | VK_QUEUE_GRAPHICS_BIT, int(VK_QUEUE_COMPUTE_BIT)})
    for (uint32_t i = 0; i < count; ++i)
      if ((families[i].queueFlags & wanted) == wanted && families[i].queueCount) {
        d.queueFamily = i;
        d.queueCount = families[i].queueCount;
        d.info.features.graphics = families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT;
        return true;
      }
  return false;
}

uint32_t computeUnits(const InstanceApi& api, const PhysicalInfo& d, const Extensions& extensions) {
  VkPhysicalDeviceProperties2 props{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
  if (extensions.has(VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME)) {
    VkPhysicalDeviceShaderSMBuiltinsPropertiesNV sm{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV};
    props.pNext = &sm;
    api.vkGetPhysicalDeviceProperties2(d.physical, &props);
    return sm.shaderSMCount;
  }
  if (extensions.has(VK_AMD_SHADER_CORE_PROPERTIES_EXTENSION_NAME)) {
    VkPhysicalDeviceShaderCorePropertiesAMD core{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD};
    props.pNext = &core;
    api.vkGetPhysicalDeviceProperties2(d.physical, &props);
    return core.shaderEngineCount * core.shaderArraysPerEngineCount * core.computeUnitsPerShaderArray;
  }
  // 0: the driver doesn't say
  return d.info.type == DeviceType::Cpu ? std::max(1u, std::thread::hardware_concurrency()) : 0;
}

VkSubgroupFeatureFlags computeSubgroupOps(const PhysicalInfo& d) {
  return d.features.subgroupStages & VK_SHADER_STAGE_COMPUTE_BIT ? d.features.subgroupOps : 0;
}

void readProperties(const InstanceApi& api, PhysicalInfo& d, const Extensions& extensions) {
  VkPhysicalDeviceExternalMemoryHostPropertiesEXT import{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT};
  VkPhysicalDevicePushDescriptorPropertiesKHR push{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PUSH_DESCRIPTOR_PROPERTIES_KHR};
  VkPhysicalDevicePCIBusInfoPropertiesEXT place{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT};
  VkPhysicalDeviceVulkan11Properties v11{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES};
  VkPhysicalDeviceVulkan12Properties v12{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
  VkPhysicalDeviceProperties2 props{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
  props.pNext = &v11;
  v11.pNext = &v12;
  void** tail = &v12.pNext;
  auto append = [&](auto& s) { *tail = &s, tail = &s.pNext; };
  d.info.features.externalHostMemory = extensions.has(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
  if (d.info.features.externalHostMemory) append(import);
  const bool canPush = extensions.has(VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME);
  if (canPush) append(push);
  const bool hasPlace = extensions.has(VK_EXT_PCI_BUS_INFO_EXTENSION_NAME);
  if (hasPlace) append(place);
  api.vkGetPhysicalDeviceProperties2(d.physical, &props);

  d.limits = props.properties.limits;
  d.subgroupSize = v11.subgroupSize;
  d.features.subgroupOps = v11.subgroupSupportedOperations;
  d.features.subgroupStages = v11.subgroupSupportedStages;
  d.maxAllocation = v11.maxMemoryAllocationSize;
  d.importAlignment = import.minImportedHostPointerAlignment;
  std::memcpy(d.pipelineCacheUuid, props.properties.pipelineCacheUUID, VK_UUID_SIZE);
  const uint32_t driverVersion = props.properties.driverVersion;
  d.cacheKey = hex(v11.deviceUUID, VK_UUID_SIZE) + "-" + hex(v11.driverUUID, VK_UUID_SIZE) + "-" +
               hex(reinterpret_cast<const uint8_t*>(&driverVersion), 4);

  DeviceInfo& info = d.info;
  info.uuid = uuidText(v11.deviceUUID);
  if (hasPlace && info.type != DeviceType::Cpu) locateCard(info, busIdText(place));
  info.driver = v12.driverName;
  info.compilesSlowly = v12.driverID == VK_DRIVER_ID_GOOGLE_SWIFTSHADER;
  if (v12.driverInfo[0]) info.driver += std::string(" ") + v12.driverInfo;
  info.features.subgroups = computeSubgroupOps(d) & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
  info.maxViewBytes = std::min<uint64_t>(d.limits.maxStorageBufferRange, kMaxViewBytes) & ~uint64_t(255);
  info.viewAlignment = std::max(16u, uint32_t(d.limits.minStorageBufferOffsetAlignment));  // kernels load vec4
  d.maxPushDescriptors = canPush && push.maxPushDescriptors >= kBindingsNeeded ? push.maxPushDescriptors : 0;
}

void readFeatures(const InstanceApi& api, PhysicalInfo& d, const Extensions& extensions) {
  d.features = readDeviceFeatures(
      api, d.physical,
      {extensions.has(VK_EXT_ROBUSTNESS_2_EXTENSION_NAME), extensions.has(VK_EXT_PIPELINE_ROBUSTNESS_EXTENSION_NAME),
       d.info.type == DeviceType::Cpu, extensions.has(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME)});
  const auto& v11 = d.features.v11;
  const auto& v12 = d.features.v12;
  d.info.features.float16 = v12.shaderFloat16 && v11.storageBuffer16BitAccess;
  d.info.features.int8 = v12.shaderInt8 && v12.storageBuffer8BitAccess;
  d.broadcast = v12.subgroupBroadcastDynamicId;
  d.info.features.timelineSemaphore = v12.timelineSemaphore;
  d.info.features.cooperativeMatrix = extensions.has("VK_KHR_cooperative_matrix");
}

PhysicalInfo inspect(const Instance& instance, VkPhysicalDevice physical) {
  const InstanceApi& api = instance.api();
  PhysicalInfo d;
  d.physical = physical;
  VkPhysicalDeviceProperties basic{};
  api.vkGetPhysicalDeviceProperties(physical, &basic);
  d.info.backend = Backend::Vulkan;
  d.info.name = basic.deviceName;
  d.info.vendor = vendorName(basic.vendorID);
  d.info.apiVersion = versionText(basic.apiVersion);
  d.info.type = typeOf(basic.deviceType);
  if (basic.apiVersion < VK_API_VERSION_1_2) {
    d.problem = "driver too old";
    return d;
  }
  const Extensions extensions(api, physical);
  d.memoryBudget = extensions.has(VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  readFeatures(api, d, extensions);
  readProperties(api, d, extensions);
  const VkSubgroupFeatureFlags subgroupOps = computeSubgroupOps(d);
  d.broadcast = d.broadcast && (subgroupOps & VK_SUBGROUP_FEATURE_BALLOT_BIT);
  d.info.broadcasts = d.broadcast;
  VkPhysicalDeviceMemoryProperties2 memory{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
  api.vkGetPhysicalDeviceMemoryProperties2(physical, &memory);
  d.memory = memory.memoryProperties;
  d.info.computeUnits = computeUnits(api, d, extensions);
  d.info.memory = memoryUse(instance, d, 0);
  if (!d.problem.empty()) return d;
  const VkSubgroupFeatureFlags needed = VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
  if (!chooseFamily(api, d))
    d.problem = "driver without a compute queue";
  else if ((subgroupOps & needed) != needed)
    d.problem = "driver without subgroup arithmetic";
  else if (d.limits.maxComputeWorkGroupInvocations < kInvocationsNeeded)
    d.problem = "driver with too small workgroups";
  else if (d.limits.minStorageBufferOffsetAlignment > 256)
    d.problem = "driver with too coarse buffer offsets";
  return d;
}

int rank(const PhysicalInfo& d) {
  if (!d.problem.empty()) return 9;
  switch (d.info.type) {
    case DeviceType::Discrete: return 0;
    case DeviceType::Integrated: return 1;
    case DeviceType::Virtual: return 2;
    // SwiftShader after Mesa's, in whatever order the loader found them
    default: return d.info.vendor == "Google" ? 4 : 3;
  }
}

uint64_t availableSystemMemory() {
  const long pages = sysconf(_SC_AVPHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? uint64_t(pages) * uint64_t(size) : ~0ull;
}

}  // namespace

MemoryUse memoryUse(const Instance& instance, const PhysicalInfo& d, uint64_t ownBytes) {
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
  VkPhysicalDeviceMemoryProperties2 memory{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
  if (d.memoryBudget) memory.pNext = &budget;
  instance.api().vkGetPhysicalDeviceMemoryProperties2(d.physical, &memory);
  MemoryUse use;
  for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; ++i) {
    const auto& heap = memory.memoryProperties.memoryHeaps[i];
    if (!(heap.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)) continue;
    use.totalBytes += heap.size;
    if (d.memoryBudget && budget.heapBudget[i] > budget.heapUsage[i])
      use.freeBytes += budget.heapBudget[i] - budget.heapUsage[i];
  }
  if (!d.memoryBudget) use.freeBytes = use.totalBytes > ownBytes ? use.totalBytes - ownBytes : 0;
  if (d.info.type == DeviceType::Cpu) use.freeBytes = std::min(use.freeBytes, availableSystemMemory());
  return use;
}

std::vector<PhysicalInfo> inspectDevices(const Instance& instance) {
  std::vector<PhysicalInfo> devices;
  for (VkPhysicalDevice physical : instance.physicalDevices()) devices.push_back(inspect(instance, physical));
  std::stable_sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) { return rank(a) < rank(b); });
  for (uint32_t i = 0; i < devices.size(); ++i) {
    devices[i].info.index = i;
    devices[i].info.id = "vulkan:" + std::to_string(i);
  }
  return devices;
}

void enumerate(Enumeration& into) {
  auto problem = [&](std::string reason, std::string detail, std::string remedy) {
    into.problems.push_back({Backend::Vulkan, std::move(reason), std::move(detail), std::move(remedy)});
  };
  bool noLoader = false;
  try {
    const auto instance = Instance::get(&noLoader);
    auto devices = inspectDevices(*instance);
    if (devices.empty())
      problem("loader without a driver file", "the Vulkan loader found no device",
              "install the driver of the graphics card, or Mesa's drivers: apt-get install mesa-vulkan-drivers");
    for (auto& d : devices) {
      // What a driver of a card does is found out when it is opened: to open it takes seconds.
      if (d.problem.empty() && d.info.type == DeviceType::Cpu) findLoopLimit(instance, d);
      if (d.problem.empty())
        into.devices.push_back(d.info);
      else
        problem(d.problem, d.info.name + ", Vulkan " + d.info.apiVersion, "update the driver of " + d.info.name);
    }
  } catch (const Error& error) {
    if (noLoader)
      problem("no loader", error.what(), "apt-get install libvulkan1 mesa-vulkan-drivers");
    else if (std::strstr(error.what(), "INCOMPATIBLE_DRIVER"))
      problem("loader without a driver file", error.what(),
              "install the driver of the graphics card, or Mesa's drivers: apt-get install mesa-vulkan-drivers");
    else
      problem("driver failed", error.what(), "run vulkaninfo, and update the loader and the driver");
  } catch (const std::exception& error) {
    problem("driver failed", error.what(), "run vulkaninfo, and update the loader and the driver");
  }
}

}  // namespace switchyard::vulkan
