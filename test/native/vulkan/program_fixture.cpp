// Modules are compiled once; devices are opened for each test.
#include <gtest/gtest.h>

#include "program_fixture.h"

#include <cctype>
#include <condition_variable>
#include <cstdlib>
#include <map>

namespace switchyard::test {

std::vector<TestDevice> programDevices() {
  std::vector<TestDevice> devices;
  for (const DeviceInfo& info : foundDevices().devices) {
    if (info.backend != Backend::Vulkan) continue;
    devices.push_back({info.id, info.id, [id = info.id] { return openDevice(id); }});
    devices.push_back({info.id + " clamped", info.id, [info] {
                         setenv("SWITCHYARD_VULKAN_BOUNDS", "rewrite", 1);
                         auto device = vulkan::open(info);
                         unsetenv("SWITCHYARD_VULKAN_BOUNDS");
                         return device;
                       }});
  }
  return devices;
}

Code OnProgramDevice::refusal(const std::function<void()>& call, const std::string& names) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(names), std::string::npos) << error.what();
    return error.code;
  }
  ADD_FAILURE() << "not refused";
  return Code::Internal;
}

ModulePtr kernelOf(const std::string& glsl) {
  static std::map<std::string, ModulePtr> made;
  ModulePtr& module = made[glsl];
  if (!module) {
    KernelSource source;
    source.name = "test";
    source.glsl = "#version 450\n" + glsl;
    module = compileKernel(source);
  }
  return module;
}

ModulePtr shaderOf(const std::string& vertex, const std::string& fragment) {
  static std::map<std::string, ModulePtr> made;
  ModulePtr& module = made[vertex + '\0' + fragment];
  if (!module) module = compileShader({"test", vertex, fragment});
  return module;
}

BufferView Runner::allocate(uint64_t bytes) {
  buffers_.push_back(device->allocate(bytes));
  return {buffers_.back().get(), 0, bytes};
}

void Runner::run() {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::exception_ptr error;
  queue->submit([&](std::exception_ptr e, const QueueTimings&) {
    std::lock_guard lock(mutex);
    error = e, done = true;
    changed.notify_one();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done; });
  if (error) std::rethrow_exception(error);
}

}  // namespace switchyard::test
