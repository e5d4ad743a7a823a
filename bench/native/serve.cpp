// `switchyard_bench --serve DEVICE`: a command a line from standard input, a line of JSON for each in that order.
//   copy BYTES SECONDS                              { "rate": bytes read and written a second }
//   nominal                                         { "rate" } that the memory's clock allows; absent elsewhere
//   product TYPE M N K T|N SECONDS                  { "ms", "median", "runs" } by the device's queue
//   library TYPE M N K T|N SECONDS                  the same by cuBLASLt called directly; absent without it
//   transfer up|down|both pinned|plain BYTES SECONDS   { "rate" } by our queue; absent where it does not pin
//   raw up|down|both pinned|plain BYTES SECONDS        { "rate" } by CUDA's own calls; absent elsewhere
//   resident SECONDS CASE                           { "ms", "median", "runs", "outputBytes" } on the device
//   host SECONDS CASE                               { "ms", "median", "runs" } from host memory to host memory
//   spin SECONDS CASE                               { "runs", "seconds" }: host to host, one after the other
//   switch SECONDS                                  { "sameUs", "turnsUs" }: a job of 1K on one context, two in turns
//   context                                         one more context, which is kept
//   memory                                          { "freeBytes", "totalBytes", "residentBytes" }
// A failure is { "error": "..." }, what is absent { "absent": 1 }.
#include "serve.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

namespace switchyard::bench {
namespace {

using Answer = std::vector<std::pair<const char*, double>>;
using Words = std::vector<std::string>;

constexpr double kGivenTogetherSeconds = 0.02;
constexpr uint32_t kMostRepeats = 32;

double millisOf(double seconds) { return seconds * 1e3; }

Answer answerOf(const Timed& time) {
  return {{"ms", millisOf(time.best)}, {"median", millisOf(time.median)}, {"runs", double(time.runs)}};
}

// A case from host memory to host memory, and what it reads.
struct HostCase {
  std::vector<std::vector<std::byte>> memory;
  std::unique_ptr<Repeated> job;

  HostCase(const std::shared_ptr<Context>& context, const CaseText& text) {
    std::vector<TensorArg> args(text.workload->info.inputs.size());
    for (const InputText& input : text.inputs) {
      memory.push_back(filled(input, 0, input.spec.elements()));
      for (size_t i = 0; i < args.size(); ++i)
        if (text.workload->info.inputs[i].name == input.name)
          args[i] = {input.spec, memory.back().data(), nullptr, true};
    }
    std::vector<std::pair<std::string, double>> params;  // none of these are lists
    for (const auto& [name, numbers] : text.params) params.emplace_back(name, numbers.at(0));
    job = std::make_unique<Repeated>(context, text.workload->info.name, std::move(args), std::move(params));
  }
};

class Server {
 public:
  explicit Server(const std::string& id) : device_(openDevice(id)) {}

  std::string ready() const { return device_->info.id; }

  Answer run(const Words& words) {
    const auto word = [&](size_t i) {
      if (i >= words.size()) throw Error(Code::InvalidArgument, "a command with too few words: " + words[0]);
      return words[i];
    };
    const auto number = [&](size_t i) { return std::stod(word(i)); };
    const std::string what = word(0);
    if (what == "copy") return {{"rate", copyRate(*device_, std::stoull(word(1)), number(2))}};
    if (what == "nominal") {
      const auto rate = nominalMemoryRate(*device_);
      return rate ? Answer{{"rate", *rate}} : Answer{{"absent", 1}};
    }
    if (what == "product") return answerOf(productByQueue(device_, productOf(words), number(6)));
    if (what == "library") {
      const auto time = productByCublasLt(*device_, productOf(words), number(6));
      return time ? answerOf(*time) : Answer{{"absent", 1}};
    }
    if (what == "transfer" || what == "raw") return transfer(words);
    if (what == "resident") return resident(number(1), caseOf(words, 2));
    if (what == "host") {
      const HostCase one(mainContext(), caseOf(words, 2));
      return answerOf(timedFor(number(1), [&] { return secondsOf([&] { one.job->run(true); }); }));
    }
    if (what == "spin") return spin(number(1), caseOf(words, 2));
    if (what == "switch") return contextSwitch(number(1));
    if (what == "context") return openContext();
    if (what == "memory") return memory();
    throw Error(Code::InvalidArgument, "no command is called " + what);
  }

 private:
  static CaseText caseOf(const Words& words, size_t from) {
    return readCase({words.begin() + std::min<ptrdiff_t>(ptrdiff_t(from), ptrdiff_t(words.size())), words.end()});
  }
  static Product productOf(const Words& words) {
    if (words.size() < 7) throw Error(Code::InvalidArgument, "a product is TYPE M N K T|N SECONDS");
    const auto size = [&](size_t i) { return uint32_t(std::stoul(words[i])); };
    return {size(2), size(3), size(4), words[1], words[5] == "T"};
  }

  Answer transfer(const Words& words) {
    if (words.size() < 5) throw Error(Code::InvalidArgument, "a transfer is up|down|both pinned|plain BYTES SECONDS");
    const Way way = words[1] == "up" ? Way::Up : words[1] == "down" ? Way::Down : Way::Both;
    const bool pinned = words[2] == "pinned";
    const uint64_t bytes = std::stoull(words[3]);
    const double seconds = std::stod(words[4]);
    const auto rate = words[0] == "transfer" ? transferRate(*device_, bytes, way, pinned, seconds)
                                             : rawTransferRate(*device_, bytes, way, pinned, seconds);
    return rate ? Answer{{"rate", *rate}} : Answer{{"absent", 1}};
  }

  // Short runs are given to the device together, so that no gap between submissions counts.
  Answer resident(double seconds, const CaseText& text) {
    Resident one(device_, text);
    one.run();
    const double took = one.run();
    const uint64_t room = std::max<uint64_t>(device_->info.memory.totalBytes / 8, 1 << 28);
    uint32_t repeats = uint32_t(std::clamp(kGivenTogetherSeconds / std::max(took, 1e-9), 1.0, double(kMostRepeats)));
    if (one.waits()) repeats = 1;
    if (one.scratchBytes()) repeats = std::max<uint32_t>(1, std::min<uint64_t>(repeats, room / one.scratchBytes()));
    Answer answer = answerOf(timedFor(seconds, [&] { return one.run(repeats); }));
    answer.emplace_back("outputBytes", double(one.outputBytes()));
    return answer;
  }

  Answer spin(double seconds, const CaseText& text) {
    const HostCase one(mainContext(), text);
    one.job->run(), one.job->run();
    uint64_t runs = 0;
    const double took = secondsOf([&] {
      const auto begin = std::chrono::steady_clock::now();
      do {
        one.job->run(true);
        ++runs;
      } while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds);
    });
    return {{"runs", double(runs)}, {"seconds", took}};
  }

  Answer contextSwitch(double seconds) {
    const CaseText text = readCase({"add", "a=float32:1024:uniform", "b=float32:1024:uniform"});
    const auto other = Context::create(device_);
    const HostCase first(mainContext(), text), second(other, text);
    constexpr int kJobs = 100;
    const auto of = [&](const HostCase& a, const HostCase& b) {
      return timedFor(seconds / 2, [&] {
        return secondsOf([&] {
          for (int i = 0; i < kJobs; ++i) (i % 2 ? a : b).job->run(true);
        });
      });
    };
    const Timed same = of(first, first), turns = of(first, second);
    return {{"sameUs", same.median / kJobs * 1e6}, {"turnsUs", turns.median / kJobs * 1e6}};
  }

  Answer openContext() {
    contexts_.push_back(Context::create(device_));
    const CaseText text = readCase({"add", "a=float32:1024:uniform", "b=float32:1024:uniform"});
    HostCase(contexts_.back(), text).job->run();
    return {{"contexts", double(contexts_.size())}};
  }

  Answer memory() const {
    const MemoryUse use = device_->memory();
    uint64_t pages = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    return {{"freeBytes", double(use.freeBytes)},
            {"totalBytes", double(use.totalBytes)},
            {"residentBytes", double(resident) * double(sysconf(_SC_PAGESIZE))}};
  }

  const std::shared_ptr<Context>& mainContext() {
    if (!main_) main_ = Context::create(device_, {.memoryLimitBytes = uint64_t{4} << 30});
    return main_;
  }

  const std::shared_ptr<Device> device_;
  std::shared_ptr<Context> main_;
  std::vector<std::shared_ptr<Context>> contexts_;
};

std::string quoted(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return '"' + out + '"';
}

void print(const Answer& answer) {
  std::string line = "{";
  for (const auto& [name, value] : answer) {
    if (line.size() > 1) line += ",";
    line += format("\"%s\":%.17g", name, value);
  }
  std::printf("%s}\n", line.c_str());
}

}  // namespace

int serve(const std::string& id) {
  std::unique_ptr<Server> server;
  try {
    server = std::make_unique<Server>(id);
  } catch (const std::exception& error) {
    std::printf("{\"error\":%s}\n", quoted(error.what()).c_str());
    return 1;
  }
  std::printf("{\"ready\":%s}\n", quoted(server->ready()).c_str());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream text(line);
    Words words;
    for (std::string word; text >> word;) words.push_back(word);
    if (words.empty()) continue;
    try {
      print(server->run(words));
    } catch (const std::exception& error) {
      std::printf("{\"error\":%s}\n", quoted(error.what()).c_str());
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace switchyard::bench
