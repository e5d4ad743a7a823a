// graph: chains, forks, values used twice, outputs that are also inputs of later nodes, plans that wait for the device.
#include <algorithm>
#include <cmath>
#include <map>

#include "../conformance.h"
#include "harness.h"

namespace switchyard::test {
namespace {

struct Node {
  const char* type;
  std::vector<std::string> inputs;   // "" for an optional one that is left out
  std::vector<std::string> outputs;  // likewise for one that is not named
  std::vector<Param> params = {};
};

std::function<std::unique_ptr<Graph>()> graphOf(std::vector<std::string> inputs, std::vector<Node> nodes,
                                                std::vector<std::string> outputs) {
  return [=] {
    auto graph = std::make_unique<Graph>();
    std::map<std::string, int> numbers;
    auto numberOf = [&](const std::string& name) {
      return name.empty() ? -1 : numbers.try_emplace(name, int(numbers.size())).first->second;
    };
    for (const std::string& name : inputs) numberOf(name);
    graph->inputCount = inputs.size();
    for (const Node& node : nodes) {
      GraphNode made;
      made.workload = findWorkload(node.type);
      made.params = resolveParams(*made.workload, node.params);
      for (size_t i = 0; i < node.inputs.size(); ++i) made.inputs[i] = numberOf(node.inputs[i]);
      for (size_t i = 0; i < node.outputs.size(); ++i) made.outputs[i] = numberOf(node.outputs[i]);
      graph->nodes.push_back(made);
    }
    for (const std::string& name : outputs) graph->outputs.push_back(numberOf(name));
    graph->valueCount = numbers.size();
    return graph;
  };
}

// Each element by itself: `f` gives the value, `magnitude` bounds every intermediate, `steps` counts the roundings.
void expectEach(Problem& p, double magnitude, double steps, const std::function<double(size_t)>& f) {
  Expected out(kF32, p.inputs[0].shape());
  for (size_t i = 0; i < out.values.size(); ++i) out.set(i, f(i), steps * kUlp * magnitude);
  p.outputs.push_back(std::move(out));
}

void addChain(CaseList& list, const std::string& name, Size size, DType t, Shape shape) {
  list.add("graph", name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
    p.inputs = {random.uniform(t, shape)};
    std::vector<Node> nodes;
    for (int i = 0; i < 30; ++i)  // x -> -x/2 + 1, thirty times: forgets x slowly, and an order that is off shows
      nodes.push_back({"scale",
                       {"v" + std::to_string(i)},
                       {"v" + std::to_string(i + 1)},
                       {{"factor", i % 2 ? -1.25 : 0.75}, {"offset", 0.5}}});
    p.graph = graphOf({"v0"}, nodes, {"v30"});
    expectEach(p, 4, 40, [&](size_t e) {
      double x = p.inputs[0].at(e);
      for (int i = 0; i < 30; ++i) x = x * (i % 2 ? -1.25 : 0.75) + 0.5;
      return x;
    });
  });
}

// Halves that stay so between the nodes, and go.
void addHalvesThroughout(CaseList& list, DType t) {
  list.add("graph", std::string("halves-throughout-") + dtypeName(t), Size::Small, [=](Problem& p, Random& random) {
    p.inputs = {random.integers(t, {9, 36})};
    const Param same("dtype", "same");
    p.graph = graphOf({"x"},
                      {{"scale", {"x"}, {"twice"}, {{"factor", 2}, same}},
                       {"add", {"twice", "x"}, {"sum"}, {same}},
                       {"transpose", {"sum"}, {"y"}}},
                      {"y"});
    Expected out(t, {36, 9});
    for (size_t i = 0; i < out.values.size(); ++i) out.set(i, 3 * p.inputs[0].at(i % 9 * 36 + i / 9), 0);
    p.outputs.push_back(std::move(out));
  });
}

// Rows found by what a node has found: the indices lie on the device.
void addFoundRows(CaseList& list) {
  list.add("graph", "gather-of-top-k", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {1, 50}), random.uniform(kF32, {50, 12})};
    p.graph =
        graphOf({"scores", "table"},
                {{"top-k", {"scores"}, {"", "best"}, {{"k", 5}}}, {"gather", {"table", "best"}, {"rows"}}}, {"rows"});
    std::vector<size_t> order(50);
    for (size_t i = 0; i < 50; ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return p.inputs[0].at(a) > p.inputs[0].at(b); });
    Expected out(kF32, {1, 5, 12});
    for (size_t i = 0; i < 60; ++i) out.set(i, p.inputs[1].at(order[i / 12] * 12 + i % 12), 0);
    p.outputs.push_back(std::move(out));
  });
  list.add("graph", "gather-past-the-table", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {1, 50}), random.uniform(kF32, {3, 12})};
    p.graph =
        graphOf({"scores", "table"},
                {{"top-k", {"scores"}, {"", "best"}, {{"k", 50}}}, {"gather", {"table", "best"}, {"rows"}}}, {"rows"});
    p.refused = Code::InvalidArgument;
  });
}

void addForks(CaseList& list, DType t) {
  list.add("graph", "diamond" + dtypeSuffix(t), Size::Small, [=](Problem& p, Random& random) {
    p.inputs = {random.uniform(t, {7, 33})};
    p.graph = graphOf({"x"},
                      {{"scale", {"x"}, {"double"}, {{"factor", 2}}},
                       {"activation", {"x"}, {"positive"}, {{"kind", "relu"}}},
                       {"add", {"double", "positive"}, {"sum"}},
                       {"multiply", {"sum", "double"}, {"y"}}},
                      {"y"});
    expectEach(p, 6, 6, [&](size_t e) {
      double x = p.inputs[0].at(e);
      return (2 * x + std::max(x, 0.0)) * 2 * x;
    });
  });
  list.add("graph", "used-twice" + dtypeSuffix(t), Size::Small, [=](Problem& p, Random& random) {
    p.inputs = {random.uniform(t, {65})};
    p.graph = graphOf({"x"},
                      {{"add", {"x", "x"}, {"twice"}},
                       {"multiply", {"twice", "twice"}, {"square"}},
                       {"subtract", {"square", "twice"}, {"y"}}},
                      {"y"});
    expectEach(p, 8, 6, [&](size_t e) {
      double twice = 2 * p.inputs[0].at(e);
      return twice * twice - twice;
    });
  });
  list.add("graph", "outputs-in-the-middle" + dtypeSuffix(t), Size::Small, [=](Problem& p, Random& random) {
    // `a` is an output and an input of what follows; the outputs are listed in another order than they are made.
    p.inputs = {random.uniform(t, {129})};
    p.graph = graphOf({"x"},
                      {{"scale", {"x"}, {"a"}, {{"factor", 3}}},
                       {"scale", {"a"}, {"b"}, {{"offset", 1}}},
                       {"multiply", {"a", "b"}, {"c"}}},
                      {"c", "a"});
    expectEach(p, 12, 6, [&](size_t e) { return 3 * p.inputs[0].at(e) * (3 * p.inputs[0].at(e) + 1); });
    expectEach(p, 3, 3, [&](size_t e) { return 3 * p.inputs[0].at(e); });
  });
}

// Two dense layers: x w1 + b1, relu, w2.
void addLayers(CaseList& list, const std::string& name, Size size, uint64_t n, uint64_t d, uint64_t hidden,
               uint64_t out) {
  list.add("graph", name, size, [=](Problem& p, Random& random) {
    p.inputs = {random.integers(kF32, {n, d}), random.integers(kF32, {d, hidden}), random.integers(kF32, {hidden}),
                random.integers(kF32, {hidden, out}, -2, 2)};
    p.graph = graphOf({"x", "w1", "b1", "w2"},
                      {{"matmul", {"x", "w1"}, {"h"}},
                       {"add", {"h", "b1"}, {"biased"}},
                       {"activation", {"biased"}, {"active"}, {{"kind", "relu"}}},
                       {"matmul", {"active", "w2"}, {"y"}}},
                      {"y"});
    Expected y(kF32, {n, out});
    std::vector<double> row(hidden);
    for (uint64_t i = 0; i < n; ++i) {
      for (uint64_t j = 0; j < hidden; ++j) {
        row[j] = p.inputs[2].at(j);
        for (uint64_t l = 0; l < d; ++l) row[j] += p.inputs[0].at(i * d + l) * p.inputs[1].at(l * hidden + j);
        row[j] = std::max(row[j], 0.0);
      }
      for (uint64_t j = 0; j < out; ++j) {
        double sum = 0;
        for (uint64_t l = 0; l < hidden; ++l) sum += row[l] * p.inputs[3].at(l * out + j);
        y.set(i * out + j, sum, 0);  // whole numbers throughout
        y.slack[i * out + j] = 0;
      }
    }
    p.outputs = {std::move(y)};
  });
}

void addUnnamed(CaseList& list) {
  list.add("graph", "unnamed-outputs", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {9, 70})};
    p.graph = graphOf({"x"},
                      {{"top-k", {"x"}, {"best"}, {{"k", 1}}},
                       {"top-k", {"x"}, {"", "where"}, {{"k", 1}, {"largest", 0}}},
                       {"scale", {"best"}, {"y"}, {{"factor", 2}}}},
                      {"y", "where"});
    Expected y(kF32, {9, 1}), where(DType::Int32, {9, 1});
    for (size_t r = 0; r < 9; ++r) {
      double high = -kInf, low = kInf, at = 0;
      for (size_t i = 0; i < 70; ++i) {
        double x = p.inputs[0].at(r * 70 + i);
        high = std::max(high, x);
        if (x < low) low = x, at = double(i);
      }
      y.set(r, 2 * high, 0);
      where.set(r, at, 0);
    }
    p.outputs = {std::move(y), std::move(where)};
  });
  list.add("graph", "codes-and-back", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {13, 37})};
    p.graph = graphOf({"x"},
                      {{"quantize", {"x"}, {"codes", "scales"}, {{"bits", 4}}},
                       {"dequantize", {"codes", "scales"}, {"y"}, {{"bits", 4}, {"columns", 37}}}},
                      {"y"});
    Expected y(kF32, {13, 37});
    for (size_t r = 0; r < 13; ++r) {
      double high = 0;
      for (size_t i = 0; i < 37; ++i) high = std::max(high, std::fabs(p.inputs[0].at(r * 37 + i)));
      for (size_t i = 0; i < 37; ++i) y.set(r * 37 + i, p.inputs[0].at(r * 37 + i), high / 14 * 1.0001);  // half a step
    }
    p.outputs = {std::move(y)};
  });
}

// Plans that wait for the device between their parts, before and after nodes that don't.
void addWaiting(CaseList& list) {
  list.add("graph", "pagerank-in-the-middle", Size::Small, [](Problem& p, Random&) {
    // A ring: all ranks are 1/n, after one step.
    uint64_t n = 50;
    p.inputs = {HostTensor(DType::Int32, {n + 1}), HostTensor(DType::Int32, {n}), HostTensor(kF32, {n})};
    for (uint64_t i = 0; i < n; ++i) {
      p.inputs[0].set(i + 1, double(i + 1));
      p.inputs[1].set(i, double((i + 1) % n));
      p.inputs[2].set(i, double(i) + 1);
    }
    p.graph = graphOf({"offsets", "columns", "weights"},
                      {{"scale", {"weights"}, {"doubled"}, {{"factor", 2}}},
                       {"pagerank", {"offsets", "columns", "doubled"}, {"ranks"}},
                       {"scale", {"ranks"}, {"y"}, {{"factor", double(n)}}}},
                      {"y"});
    Expected y(kF32, {n});
    for (uint64_t i = 0; i < n; ++i) y.set(i, 1, 64 * kUlp);
    p.outputs = {std::move(y)};
  });
  list.add("graph", "pca-fit-and-transform", Size::Small, [](Problem& p, Random& random) {
    uint64_t n = 200, d = 11, c = 3;
    p.inputs = {HostTensor(kF32, {n, d})};
    for (size_t i = 0; i < n * d; ++i) p.inputs[0].set(i, random.uniform(-1, 1) / double(1 + i % d));
    p.graph = graphOf({"x"},
                      {{"pca-fit", {"x"}, {"mean", "components", "variance"}, {{"components", double(c)}}},
                       {"pca-transform", {"x", "mean", "components"}, {"y"}}},
                      {"y", "variance"});
    p.outputs = {Expected(kF32, {n, c}), Expected(kF32, {c})};
    for (Expected& output : p.outputs) std::fill(output.slack.begin(), output.slack.end(), kInf);
    // projections have the variances that the fit found, and no others
    p.check = [=](const std::vector<HostTensor>& got) -> std::string {
      for (uint64_t a = 0; a < c; ++a)
        for (uint64_t b = 0; b < c; ++b) {
          double sum = 0;
          for (uint64_t r = 0; r < n; ++r) sum += got[0].at(r * c + a) * got[0].at(r * c + b);
          double wanted = a == b ? got[1].at(a) : 0;
          if (!(std::fabs(sum / double(n - 1) - wanted) <= 1e-5))
            return "projections " + std::to_string(a) + " and " + std::to_string(b) + " covary by " +
                   std::to_string(sum / double(n - 1));
        }
      return got[1].at(0) > 0.1 ? "" : "the first variance is too small";
    };
  });
}

void addRefused(CaseList& list) {
  auto refuse = [&](const std::string& name, std::vector<Node> nodes, std::vector<std::string> outputs) {
    list.add("graph", name, Size::Small, [=](Problem& p, Random& random) {
      p.inputs = {random.uniform(kF32, {3, 4})};
      p.graph = graphOf({"x"}, nodes, outputs);
      p.refused = Code::InvalidArgument;
    });
  };
  refuse("refused-input-as-output", {{"scale", {"x"}, {"y"}}}, {"y", "x"});
  refuse("refused-output-twice", {{"scale", {"x"}, {"y"}}}, {"y", "y"});
  refuse("refused-shapes", {{"reduce", {"x"}, {"sums"}, {{"kind", "sum"}}}, {"matmul", {"x", "sums"}, {"y"}}}, {"y"});
  refuse("refused-parameter", {{"top-k", {"x"}, {"y"}, {{"k", 5}}}}, {"y"});
  refuse("refused-missing-input", {{"add", {"x"}, {"y"}}}, {"y"});
  refuse("refused-output-that-is-not-there", {{"attention", {"x", "x", "x"}, {"y", "weights"}}}, {"y"});
}

}  // namespace

void addGraphCases(CaseList& list) {
  for (DType t : kFloatTypes) {
    addChain(list, "chain", Size::Small, t, {65});
    addForks(list, t);
    if (t != kF32) addHalvesThroughout(list, t);
  }
  addFoundRows(list);
  addChain(list, "chain-empty", Size::Small, kF32, {0});
  addChain(list, "chain-large", Size::Split, kF32, {311, 1021});
  addLayers(list, "layers", Size::Small, 33, 17, 65, 9);
  addLayers(list, "layers-large", Size::Split, 301, 128, 257, 64);
  addUnnamed(list);
  addWaiting(list);
  addRefused(list);
}

}  // namespace switchyard::test
