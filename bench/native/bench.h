// What the parts of the native bench share: a figure, timing of two things in turns, and jobs that can be awaited.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "context.h"

namespace switchyard::bench {

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::string target;  // ">= 0.95", or empty where none was set
  bool met = true;
  std::string detail;
};

struct Options {
  bool quick = false;
  int rounds() const { return quick ? 3 : 9; }
};

// Best and median times of several rounds, in seconds.
struct Times {
  double best = 0, median = 0;
};
// Runs all of them in turns, round by round, so that they share what the machine does meanwhile. Each is warmed up
// once.
std::vector<Times> timeInTurns(int rounds, const std::vector<std::function<void()>>& work);
double secondsOf(const std::function<void()>& work);

Figure atLeast(const std::string& name, double value, const std::string& unit, double target,
               const std::string& detail);
Figure atMost(const std::string& name, double value, const std::string& unit, double target, const std::string& detail);
Figure plain(const std::string& name, double value, const std::string& unit, const std::string& detail);
std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));

// A float32 tensor filled with repeatable values, its memory touched.
struct Data {
  TensorSpec spec;
  std::vector<float> values;
  Data(Shape shape, uint32_t seed);
  TensorArg arg() const { return {spec, reinterpret_cast<const std::byte*>(values.data()), nullptr, true}; }
};

// A job that is run again and again into the same memory.
class Repeated {
 public:
  Repeated(std::shared_ptr<Context> context, const std::string& workload, std::vector<TensorArg> inputs,
           std::vector<std::pair<std::string, double>> params);
  void run(bool inlined = false);  // to the end; throws what the job failed with
  uint64_t outputBytes() const;

 private:
  std::shared_ptr<Job> make() const;
  std::shared_ptr<Context> context_;
  const Workload* workload_;
  std::vector<TensorArg> inputs_;
  std::array<double, kMaxParams> params_;
  std::vector<std::shared_ptr<HostBlock>> targets_;
};

// What the machine gives, with as many threads as the CPU backend uses.
// bytes read plus written a second: best of memcpy and non-temporal stores
double copyBandwidth(uint64_t bytes, int rounds);
void onAllThreads(const std::function<void(uint32_t thread, uint32_t threads)>& work);

// sgemm: row-major out[m, n] = a[m, k] b[k, n] by the library, on all threads.
using Sgemm = void (*)(int m, int n, int k, const float* a, const float* b, float* out);
void benchSearch(const Options& options, std::shared_ptr<Context> context, Sgemm sgemm, std::vector<Figure>& figures);
void benchCpu(const Options& options, std::vector<Figure>& figures);
// `id`: what the figures call the context's device.
void benchRows(const Options& options, const std::string& id, std::shared_ptr<Context> context,
               std::vector<Figure>& figures);
// What a submission costs by itself, on any device with a queue of its own.
void benchSubmit(const Options& options, std::shared_ptr<Device> device, std::vector<Figure>& figures);
void benchVulkan(const Options& options, std::vector<Figure>& figures);
void benchCuda(const Options& options, std::vector<Figure>& figures);
void benchTopK(const Options& options, std::vector<Figure>& figures);

}  // namespace switchyard::bench
