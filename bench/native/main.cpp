// The native bench: switchyard_bench [--json] [--quick]. Figures are ratios within one run, best of several rounds.
// switchyard_bench --serve DEVICE measures what it is asked for on standard input (serve.cpp).
#include <cstdio>
#include <cstring>

#include "bench.h"
#include "serve.h"

namespace {

using switchyard::bench::Figure;

void printJson(const std::vector<Figure>& figures) {
  auto quoted = [](const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + "\"";
  };
  std::printf("{ \"figures\": [\n");
  for (size_t i = 0; i < figures.size(); ++i) {
    const Figure& f = figures[i];
    std::printf("  { \"name\": %s, \"value\": %.5g, \"unit\": %s, \"target\": %s, \"met\": %s, \"detail\": %s }%s\n",
                quoted(f.name).c_str(), f.value, quoted(f.unit).c_str(),
                f.target.empty() ? "null" : quoted(f.target).c_str(),
                f.target.empty() ? "null"
                : f.met          ? "true"
                                 : "false",
                quoted(f.detail).c_str(), i + 1 < figures.size() ? "," : "");
  }
  std::printf("] }\n");
}

void printTable(const std::vector<Figure>& figures) {
  for (const Figure& f : figures)
    std::printf("%-60s %9.3g %-3s %-8s %s\n    %s\n", f.name.c_str(), f.value, f.unit.c_str(), f.target.c_str(),
                f.target.empty() ? ""
                : f.met          ? "met"
                                 : "NOT MET",
                f.detail.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  switchyard::bench::Options options;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--json"))
      json = true;
    else if (!std::strcmp(argv[i], "--quick"))
      options.quick = true;
    else if (!std::strcmp(argv[i], "--serve") && i + 1 < argc)
      return switchyard::bench::serve(argv[i + 1]);
    else {
      std::fprintf(stderr, "usage: switchyard_bench [--json] [--quick] | --serve DEVICE\n");
      return 2;
    }
  }
  std::vector<Figure> figures;
  try {
    switchyard::bench::benchCpu(options, figures);
    switchyard::bench::benchCuda(options, figures);
    switchyard::bench::benchVulkan(options, figures);
    switchyard::bench::benchTopK(options, figures);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "switchyard_bench: %s\n", error.what());
    return 1;
  }
  if (json)
    printJson(figures);
  else
    printTable(figures);
  return 0;
}
