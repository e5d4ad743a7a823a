// The Vulkan backend's figures: its matrix product against a naive kernel, and what a submission costs by itself.
#include <atomic>
#include <thread>

#include "bench.h"
#include "params.h"
#include "vulkan/matmul_naive.h"

namespace switchyard::bench {
namespace {

// Submits what was recorded and spins until it is done.
void submitAndWait(Queue& queue) {
  std::atomic<bool> over{false};
  std::exception_ptr error;
  queue.submit([&](std::exception_ptr failed, const QueueTimings&) {
    error = failed;
    over.store(true, std::memory_order_release);
  });
  while (!over.load(std::memory_order_acquire)) std::this_thread::yield();
  if (error) std::rethrow_exception(error);
}

void benchMatmul(const Options& options, Device& device, std::vector<Figure>& figures) {
  constexpr uint32_t n = 512;
  auto memory = device.allocate(3 * n * n * 4);
  auto queue = device.createQueue();
  uint64_t bytes = uint64_t{n} * n * 4;
  Data data({3, n, n}, 21);
  queue->upload({memory.get(), 0, 3 * bytes}, std::as_bytes(std::span(data.values)));
  submitAndWait(*queue);
  Matmul op;
  op.a = {memory.get(), 0, bytes}, op.b = {memory.get(), bytes, bytes}, op.out = {memory.get(), 2 * bytes, bytes};
  op.m = op.n = op.k = op.lda = op.ldb = op.ldOut = n;
  auto times = timeInTurns(options.rounds(), {[&] {
                                                queue->matmul(op);
                                                submitAndWait(*queue);
                                              },
                                              [&] {
                                                vulkan::matmulNaive(*queue, op);
                                                submitAndWait(*queue);
                                              }});
  double flops = 2.0 * n * n * n;
  figures.push_back(atLeast(
      device.info.id + " matmul 512 against a naive kernel", times[1].best / times[0].best, "x", 3,
      format("%.2f ms, %.1f GFLOP/s; naive %.2f ms, %.1f GFLOP/s (%s)", times[0].best * 1e3,
             flops / times[0].best / 1e9, times[1].best * 1e3, flops / times[1].best / 1e9, device.info.name.c_str())));
}

}  // namespace

void benchSubmit(const Options& options, std::shared_ptr<Device> device, std::vector<Figure>& figures) {
  constexpr int kRuns = 200;
  auto memory = device->allocate(3 * 4096);
  auto queue = device->createQueue();
  Data a({1024}, 22), b({1024}, 23);
  std::vector<float> result(1024);
  BufferView left{memory.get(), 0, 4096}, right{memory.get(), 4096, 4096}, out{memory.get(), 8192, 4096};
  auto bare = [&] {
    for (int i = 0; i < kRuns; ++i) {
      queue->upload(left, std::as_bytes(std::span(a.values)));
      queue->upload(right, std::as_bytes(std::span(b.values)));
      BinaryParams params{1024, kBinaryAdd, kBroadcastNone, 0, 0};
      BufferView views[] = {left, right, out};
      queue->launch(Kernel::binary, 1024, views, std::as_bytes(std::span(&params, 1)));
      queue->download(std::as_writable_bytes(std::span(result)), out);
      submitAndWait(*queue);
    }
  };
  auto context = Context::create(device);
  Repeated job(context, "add", {a.arg(), b.arg()}, {});
  auto times = timeInTurns(options.rounds(), {bare, [&] {
                                                for (int i = 0; i < kRuns; ++i) job.run(true);
                                              }});
  std::string id = device->info.id;
  // The JavaScript bench compares its round trip on the first device with this figure, by its name.
  figures.push_back(plain(id == "vulkan:0" ? "vulkan-submit-and-wait" : id + " submit-and-wait",
                          times[0].best / kRuns * 1e6, "us", "queue alone: two uploads, add, download, submit, wait"));
  figures.push_back(plain(id + " round trip of 1K elements", times[1].best / kRuns * 1e6, "us",
                          "the same as a job of a context, in plain C++"));
}

void benchVulkan(const Options& options, std::vector<Figure>& figures) {
  for (const DeviceInfo& info : enumerateDevices().devices) {
    if (info.backend != Backend::Vulkan) continue;
    auto device = openDevice(info.id);
    benchMatmul(options, *device, figures);
    benchSubmit(options, device, figures);
    benchRows(options, info.id, Context::create(device), figures);
  }
}

}  // namespace switchyard::bench
