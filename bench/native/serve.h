// What `switchyard_bench --serve` is made of: a device that measures what it is asked for, a line a time.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench.h"
#include "memory/arena.h"
#include "program_cache.h"
#include "workload.h"

namespace switchyard::bench {

// "float32:1024x384:uniform": an input of a case. How it is filled: `uniform` floats from -1 to 1, `codes` of 8 bits,
// `small` floats (scales), `below:N` random numbers, `every:N` multiples of N, `ones` (a mask that hides nothing).
struct InputText {
  std::string name;
  TensorSpec spec;
  std::string fill;
  uint64_t by = 0;
};
// "slice input=float32:64x64:uniform -start=0,16 -size=64,32": a workload, its inputs, its parameters.
struct CaseText {
  const Workload* workload = nullptr;
  std::vector<InputText> inputs;
  std::vector<std::pair<std::string, std::vector<double>>> params;
};
CaseText readCase(const std::vector<std::string>& words);
// `count` elements of the input from `first` on. Repeatable; floats repeat after kPatternElements.
constexpr uint64_t kPatternElements = 4194301;  // a prime, so that rows of the usual lengths are not the same
std::vector<std::byte> filled(const InputText& input, uint64_t first, uint64_t count);

// Records something, and gives the seconds that the device worked on it: by events where its queue tells them, by the
// clock on the CPU.
double secondsOnDevice(Queue& queue, const Device& device, const std::function<void()>& record);

// A case whose tensors all lie on the device.
class Resident {
 public:
  Resident(std::shared_ptr<Device> device, const CaseText& text);
  ~Resident();
  // Of one run, of `repeats` that the device is given together.
  double run(uint32_t repeats = 1);
  uint64_t outputBytes() const;
  uint64_t scratchBytes() const { return arena_->use().maxUsedBytes; }
  bool waits() const { return waits_; }  // its plan waits for the device, so that runs can't be given together

 private:
  void place(const CaseText& text);
  const std::shared_ptr<Device> device_;
  const Workload* const workload_;
  const std::shared_ptr<Arena> arena_;
  ProgramCache programs_{16};
  std::unique_ptr<Queue> queue_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<std::vector<std::byte>> hosts_;
  std::atomic<bool> stop_{false};
  Call call_;
  bool waits_ = false;
};

struct Timed {
  double best = 0, median = 0;
  uint32_t runs = 0;
};
// For about so many seconds, at least three times, after it has run twice.
Timed timedFor(double seconds, const std::function<double()>& run);

enum class Way { Up, Down, Both };
// Bytes a second between host memory and the device by its own queue; nothing where it does not pin host memory.
std::optional<double> transferRate(Device& device, uint64_t bytes, Way way, bool pinned, double seconds);
double copyRate(Device& device, uint64_t bytes, double seconds);

// A plain product, as a library is asked for it: out[m, n] = a[m, k] b[k, n], with transposeB b is stored [n, k].
struct Product {
  uint32_t m = 0, n = 0, k = 0;
  std::string type;  // float32, tf32, float16, bfloat16, int8
  bool transposeB = false;
};
// The same by this device's own queue; seconds.
Timed productByQueue(const std::shared_ptr<Device>& device, const Product& product, double seconds);

// CUDA's own calls, for what the card gives. Nothing where there is no CUDA, or the device is none of its cards.
// cuBLASLt with the quickest of the algorithms that its heuristic names; also nothing where it is not installed.
std::optional<Timed> productByCublasLt(Device& device, const Product& product, double seconds);
// Bytes a second that its memory could do by its clock and width; nothing where the driver does not tell.
std::optional<double> nominalMemoryRate(Device& device);
std::optional<double> rawTransferRate(Device& device, uint64_t bytes, Way way, bool pinned, double seconds);

// Reads commands from standard input until it ends. Returns the exit status.
int serve(const std::string& device);

}  // namespace switchyard::bench
