// switchyard from C++, without Node: unit vectors, then the nearest of them, on the best device of this machine.
#include <cstdio>
#include <cstring>
#include <future>
#include <limits>

#include "context.h"

using namespace switchyard;

// Runs one workload and waits for its outputs. `params` are in the order of the workload's table; NaN takes the
// default.
std::vector<std::shared_ptr<HostBlock>> run(Context& context, const char* workload, std::vector<TensorArg> inputs,
                                            std::vector<double> params = {}) {
  auto job = std::make_shared<Job>();
  job->workload = findWorkload(workload);
  job->inputs = std::move(inputs);
  job->params.fill(std::numeric_limits<double>::quiet_NaN());
  std::copy(params.begin(), params.end(), job->params.begin());
  std::promise<void> settled;
  job->done = [&](Job& done) { done.error ? settled.set_exception(done.error) : settled.set_value(); };
  job->prepare();
  context.submit(job);
  settled.get_future().get();
  return job->outputs;
}

int main(int argc, char** argv) try {
  auto context = Context::create(openDevice(argc > 1 ? argv[1] : "auto"));
  constexpr uint64_t kRows = 1000, kColumns = 64;
  std::vector<float> rows(kRows * kColumns);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i * 7919 % 1009) - 504.0f;
  TensorSpec spec{DType::Float32, {kRows, kColumns}};

  auto unit = run(*context, "normalize", {{spec, reinterpret_cast<const std::byte*>(rows.data()), nullptr, true}});
  // The first row looks for its five nearest: itself comes first.
  TensorArg base{spec, unit[0]->data, nullptr, true},
      query{{DType::Float32, {1, kColumns}}, unit[0]->data, nullptr, true};
  auto nearest = run(*context, "similarity-search", {query, base}, {5});

  std::printf("%s (%s)\n", context->device()->info.name.c_str(), context->device()->info.id.c_str());
  for (int i = 0; i < 5; ++i)
    std::printf("row %4d  cosine %.6f\n", reinterpret_cast<int32_t*>(nearest[1]->data)[i],
                reinterpret_cast<float*>(nearest[0]->data)[i]);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
