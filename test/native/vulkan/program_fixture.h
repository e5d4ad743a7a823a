// What the tests of users' programs on Vulkan share: devices, modules, and a queue that waits.
#pragma once
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "harness.h"
#include "program/compile/compiler.h"

namespace switchyard::test {

// Each Vulkan device, as it is and with accesses bounded by rewriting SPIR-V.
std::vector<TestDevice> programDevices();

class OnProgramDevice : public ::testing::TestWithParam<TestDevice> {
 protected:
  void SetUp() override { device = GetParam().open(); }
  // The code that the call is refused with; its message holds `names`.
  static Code refusal(const std::function<void()>& call, const std::string& names);
  std::shared_ptr<Device> device;
};

ModulePtr kernelOf(const std::string& glsl);  // without its #version
ModulePtr shaderOf(const std::string& vertex, const std::string& fragment);

// A queue whose submissions are waited for, and device memory that goes with it.
class Runner {
 public:
  explicit Runner(std::shared_ptr<Device> device) : device(std::move(device)), queue(this->device->createQueue()) {}
  BufferView allocate(uint64_t bytes);
  template <class T>
  BufferView upload(const std::vector<T>& values) {
    const BufferView view = allocate(values.size() * sizeof(T));
    queue->upload(view, std::as_bytes(std::span(values)));
    return view;
  }
  template <class T>
  std::vector<T> read(BufferView view) {
    std::vector<T> values(view.size / sizeof(T));
    queue->download(std::as_writable_bytes(std::span(values)), view);
    run();
    return values;
  }
  void run();  // submits and waits; throws what the submission failed with

  const std::shared_ptr<Device> device;

 private:
  std::vector<std::unique_ptr<Buffer>> buffers_;  // goes after the queue

 public:
  const std::unique_ptr<Queue> queue;
};

template <class P>
std::span<const std::byte> bytesOf(const P& params) {
  return std::as_bytes(std::span(&params, 1));
}

}  // namespace switchyard::test
