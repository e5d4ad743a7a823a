// Long rows and graphs: one row against many of the same size in all, and against what reading takes; an iteration of
// pagerank against the bytes that it can't do without.
#include <cmath>
#include <random>

#include "bench.h"

namespace switchyard::bench {
namespace {

constexpr uint64_t kElements = uint64_t{1} << 24;

// Reads all of it with as many threads as there are; the sums keep the compiler honest.
double readAll(const float* data, size_t count) {
  std::vector<double> sums(256);
  onAllThreads([&](uint32_t thread, uint32_t threads) {
    const size_t part = count / threads / 64 * 64;
    typedef float Wide __attribute__((vector_size(64), aligned(4)));
    Wide lanes[4] = {};
    for (size_t i = thread * part; i < (thread + 1) * part; i += 64)
      for (size_t v = 0; v < 4; ++v) lanes[v] += *reinterpret_cast<const Wide*>(data + i + 16 * v);
    const Wide all = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    for (int i = 0; i < 16; ++i) sums[thread % 256] += double(all[i]);
  });
  double sum = 0;
  for (double one : sums) sum += one;
  return sum;
}

void benchLongRows(const Options& options, const std::string& id, std::shared_ptr<Context> context,
                   std::vector<Figure>& figures) {
  Data one({1, kElements}, 31), many({4096, kElements / 4096}, 31);
  volatile double sink = 0;
  for (const char* workload : {"reduce", "softmax", "normalize"}) {
    const std::vector<std::pair<std::string, double>> params =
        workload == std::string("reduce") ? decltype(params){{"kind", 0}} : decltype(params){};
    Repeated row(context, workload, {one.arg()}, params), rows(context, workload, {many.arg()}, params);
    const auto times = timeInTurns(options.rounds(), {[&] { row.run(); }, [&] { rows.run(); },
                                                      [&] { sink = readAll(one.values.data(), kElements); }});
    const std::string detail =
        format("%.2f ms; 4096 rows of 4096 %.2f ms; reading alone %.2f ms, %.1f GB/s", times[0].best * 1e3,
               times[1].best * 1e3, times[2].best * 1e3, double(kElements) * 4 / times[2].best / 1e9);
    // The CPU's threads keep a short row in their caches, of which a long one is read twice.
    const std::string name = id + " " + workload + " of one row of 16M against 4,096 rows";
    const double ratio = times[0].best / times[1].best;
    figures.push_back(id == "cpu" ? plain(name, ratio, "x", detail) : atMost(name, ratio, "x", 1.3, detail));
    if (id == "cpu" && workload == std::string("reduce"))
      figures.push_back(atLeast("cpu reduce of one row of 16M against read bandwidth", times[2].best / times[0].best,
                                "x", 0.9, detail));
  }
}

struct Links {
  std::vector<int32_t> offsets, columns;
  static TensorArg argOf(const std::vector<int32_t>& values) {
    return {{DType::Int32, Shape{values.size()}}, reinterpret_cast<const std::byte*>(values.data()), nullptr, true};
  }
};

// Of both ends of an edge few nodes have many, by powers of a number drawn evenly.
Links powerLaw(uint32_t nodes, uint32_t edges) {
  std::mt19937 random(32);
  std::uniform_real_distribution<double> even(0, 1);
  const auto draw = [&](double power) {
    return std::min(nodes - 1, static_cast<uint32_t>(nodes * std::pow(even(random), power)));
  };
  std::vector<uint32_t> names(nodes);
  for (uint32_t i = 0; i < nodes; ++i) names[i] = i;
  std::shuffle(names.begin(), names.end(), random);
  std::vector<std::pair<uint32_t, uint32_t>> drawn(edges);
  for (auto& [from, to] : drawn) from = draw(1.6), to = names[draw(2.5)];
  Links links{std::vector<int32_t>(nodes + 1), std::vector<int32_t>(edges)};
  for (const auto& edge : drawn) ++links.offsets[edge.first + 1];
  for (uint32_t i = 0; i < nodes; ++i) links.offsets[i + 1] += links.offsets[i];
  std::vector<int32_t> next(links.offsets.begin(), links.offsets.end() - 1);
  for (const auto& [from, to] : drawn) links.columns[size_t(next[from]++)] = int32_t(to);
  return links;
}

void benchPagerank(const Options& options, const std::string& id, std::shared_ptr<Context> context,
                   std::vector<Figure>& figures) {
  constexpr uint32_t kNodes = 1'000'000, kEdges = 10'000'000;
  const Links links = powerLaw(kNodes, kEdges);
  const auto ranked = [&](double iterations) {
    return Repeated(context, "pagerank", {Links::argOf(links.offsets), Links::argOf(links.columns)},
                    {{"tolerance", 0}, {"maxIterations", iterations}});
  };
  Data read({kElements}, 33);
  volatile double sink = 0;
  Repeated one = ranked(1), many = ranked(41);
  const auto times = timeInTurns(options.quick ? 2 : 5, {[&] { one.run(); }, [&] { many.run(); },
                                                         [&] { sink = readAll(read.values.data(), kElements); }});
  // A source and its share for each edge; of each node the rank, its next one, scale, share, and where it begins.
  const double bytes = kEdges * 8.0 + kNodes * 20.0, bandwidth = double(kElements) * 4 / times[2].best;
  const double iteration = (times[1].best - times[0].best) / 40;
  const std::string detail = format(
      "%.2f ms an iteration, %.1f ms for all before the second; %.0f MB an iteration at %.1f GB/s would be %.2f ms",
      iteration * 1e3, times[0].best * 1e3, bytes / 1e6, bandwidth / 1e9, bytes / bandwidth * 1e3);
  const std::string name = id + " pagerank of 1M nodes and 10M edges, an iteration against its bytes";
  const double share = bytes / bandwidth / iteration;
  figures.push_back(id == "cpu" ? atLeast(name, share, "x", 0.5, detail) : plain(name, share, "x", detail));
}

}  // namespace

void benchRows(const Options& options, const std::string& id, std::shared_ptr<Context> context,
               std::vector<Figure>& figures) {
  benchLongRows(options, id, context, figures);
  benchPagerank(options, id, context, figures);
}

}  // namespace switchyard::bench
