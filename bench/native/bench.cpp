// Timing, jobs and the copy that bandwidths are measured against.
#include "bench.h"

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdarg>
#include <cstring>
#include <limits>
#include <random>
#include <thread>

#include "cpu/team.h"

namespace switchyard::bench {

double secondsOf(const std::function<void()>& work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<Times> timeInTurns(int rounds, const std::vector<std::function<void()>>& work) {
  std::vector<std::vector<double>> all(work.size());
  for (auto& one : work) one();
  for (int round = 0; round < rounds; ++round)
    for (size_t i = 0; i < work.size(); ++i) all[i].push_back(secondsOf(work[i]));
  std::vector<Times> times;
  for (auto& seconds : all) {
    std::sort(seconds.begin(), seconds.end());
    times.push_back({seconds.front(), seconds[seconds.size() / 2]});
  }
  return times;
}

std::string format(const char* pattern, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, pattern);
  vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

Figure atLeast(const std::string& name, double value, const std::string& unit, double target,
               const std::string& detail) {
  return {name, value, unit, format(">= %g", target), value >= target, detail};
}
Figure atMost(const std::string& name, double value, const std::string& unit, double target,
              const std::string& detail) {
  return {name, value, unit, format("<= %g", target), value <= target, detail};
}
Figure plain(const std::string& name, double value, const std::string& unit, const std::string& detail) {
  return {name, value, unit, "", true, detail};
}

Data::Data(Shape shape, uint32_t seed) : spec{DType::Float32, shape}, values(spec.elements()) {
  std::minstd_rand random(seed);
  for (float& value : values) value = static_cast<float>(random() % 20001) / 10000.0f - 1.0f;
}

Repeated::Repeated(std::shared_ptr<Context> context, const std::string& workload, std::vector<TensorArg> inputs,
                   std::vector<std::pair<std::string, double>> params)
    : context_(std::move(context)), workload_(findWorkload(workload)), inputs_(std::move(inputs)) {
  inputs_.resize(workload_->info.inputs.size());
  params_.fill(std::numeric_limits<double>::quiet_NaN());
  for (auto& [name, value] : params)
    for (size_t i = 0; i < workload_->info.params.size(); ++i)
      if (workload_->info.params[i].name == name) params_[i] = value;
  auto job = make();
  for (const TensorSpec& spec : job->outputSpecs) {
    targets_.push_back(HostPool::shared().acquire(spec.bytes()));
    std::memset(targets_.back()->data, 0, spec.bytes());
  }
}

std::shared_ptr<Job> Repeated::make() const {
  auto job = std::make_shared<Job>();
  job->workload = workload_;
  job->inputs = inputs_;
  job->params = params_;
  for (const auto& target : targets_) job->into.push_back({target->data, target->size});
  job->prepare();
  return job;
}

uint64_t Repeated::outputBytes() const {
  uint64_t bytes = 0;
  for (const auto& target : targets_) bytes += target->size;
  return bytes;
}

void Repeated::run(bool inlined) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable changed;
    std::atomic<bool> over{false};
    std::exception_ptr error;
  };
  auto wait = std::make_shared<Wait>();
  auto job = make();
  job->done = [wait](Job& settled) {
    std::lock_guard lock(wait->mutex);
    wait->error = settled.error;
    wait->over = true;
    wait->changed.notify_all();
  };
  if (!inlined || !context_->runNow(job)) context_->submit(job);
  if (!wait->over) {
    std::unique_lock lock(wait->mutex);
    wait->changed.wait(lock, [&] { return wait->over.load(); });
  }
  if (wait->error) std::rethrow_exception(wait->error);
}

void onAllThreads(const std::function<void(uint32_t, uint32_t)>& work) {
  uint32_t threads = cpu::usableCpus();
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < threads; ++i) others.emplace_back([&, i] { work(i, threads); });
  work(0, threads);
  for (std::thread& thread : others) thread.join();
}

namespace {

void streamCopy(std::byte* to, const std::byte* from, size_t bytes) {
#if defined(__x86_64__)
  for (size_t i = 0; i + 64 <= bytes; i += 64) {
    const auto* source = reinterpret_cast<const __m128i*>(from + i);
    auto* target = reinterpret_cast<__m128i*>(to + i);
    __m128i a = _mm_loadu_si128(source), b = _mm_loadu_si128(source + 1), c = _mm_loadu_si128(source + 2),
            d = _mm_loadu_si128(source + 3);
    _mm_stream_si128(target, a);
    _mm_stream_si128(target + 1, b);
    _mm_stream_si128(target + 2, c);
    _mm_stream_si128(target + 3, d);
  }
  _mm_sfence();
#else
  std::memcpy(to, from, bytes);
#endif
}

}  // namespace

double copyBandwidth(uint64_t bytes, int rounds) {
  auto from = HostPool::shared().acquire(bytes), to = HostPool::shared().acquire(bytes);
  std::memset(from->data, 1, bytes);
  std::memset(to->data, 2, bytes);
  auto copy = [&](bool stream) {
    onAllThreads([&](uint32_t thread, uint32_t threads) {
      uint64_t part = bytes / threads / 4096 * 4096, first = thread * part,
               size = thread + 1 == threads ? bytes - first : part;
      if (stream)
        streamCopy(to->data + first, from->data + first, size);
      else
        std::memcpy(to->data + first, from->data + first, size);
    });
  };
  auto times = timeInTurns(rounds, {[&] { copy(false); }, [&] { copy(true); }});
  return 2.0 * double(bytes) / std::min(times[0].best, times[1].best);
}

}  // namespace switchyard::bench
