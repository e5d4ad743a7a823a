// What a CUDA source may include, and which options may be given with it: before any compiler sees it.
#include <gtest/gtest.h>

#include "error.h"
#include "program/compile/compiler.h"

namespace switchyard::test {
namespace {

TEST(ProgramCudaIncludes, OfFilesOutsideTheToolkit) {
  const auto check = [](const std::string& cuda) {
    checkSource(KernelSource{.name = "k", .cuda = cuda, .bindings = {"p"}});
  };
  const auto refused = [&](const std::string& cuda, const std::string& part, uint32_t line = 1) {
    try {
      check(cuda);
      ADD_FAILURE() << cuda << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::Compile);
      EXPECT_EQ(error.details.line, line) << cuda;
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused("#include \"/etc/passwd\"", "the path /etc/passwd");
  refused("int a;\n #  include</etc/passwd>", "the path /etc/passwd", 2);
  refused("#include \"../x.h\"", "the path ../x.h");
  refused("#include <cuda/../../x.h>", "the path cuda/../../x.h");
  refused("#include <..>", "the path ..");
  refused("%:include \"/x\"", "the path /x");
  refused("#inc\\\nlude \"/x\"\n", "the path /x");
  refused("\n#in\\ \nclude /* a\nb */ \"/x\"", "the path /x", 2);
  refused("const char* a = \"/*\";\n#include \"/x\"", "the path /x", 2);
  refused("#include_next </x.h>", "the path /x.h");
  refused("#if __has_include(\"/x.h\")\n#endif", "the path /x.h");
  refused("#define X \"/x.h\"\n#include X", "named by a macro", 2);
  refused("#define X \"/x.h\"\n#/**/include X", "named by a macro", 2);
  refused("#/* a\n*/include X", "named by a macro", 2);
  check(
      "#include <cuda_fp16.h>\n#include \"cuda/std/array\"\n#include <a..b>\nint include, my_include = 1;\n"
      "// what to include and import: /x\nint f(int import) { return import; }\n#if "
      "__has_include(<nv/target>)\n#endif");
}

TEST(ProgramCudaOptions, OnesThatMayNotBeGiven) {
  const auto refused = [](const std::string& option, const std::string& part) {
    try {
      checkSource(KernelSource{.name = "k", .cuda = "x", .bindings = {"p"}, .cudaOptions = {"-w", option}});
      ADD_FAILURE() << option << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::InvalidArgument);
      EXPECT_EQ(error.details.argument, "cudaOptions[1]");
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused("--nonsense", "there are: --define-macro, --undefine-macro, --std, --use_fast_math");
  refused("", "there are: ");
  refused("-I/etc", "the toolkit's headers are found without");
  refused("--include-path=/etc", "the toolkit's headers are found without");
  refused("--gpu-architecture=sm_90a", "cudaFeatures: 'architecture'");
  refused("-arch=sm_90", "cudaFeatures: 'architecture'");
  refused("-rdc=true", "not linked");
  refused("--ftz", "there are: ");
  refused("--ftz=maybe", "the value of --ftz must be true or false");
  refused("--std=c++11", "must be c++14, c++17 or c++20");
  refused("--maxrregcount=8", "from 16 to 255");
  refused("--maxrregcount=32x", "from 16 to 255");
  refused("--use_fast_math=true", "there are: ");
  refused("-D", "a name, or a name and =value");
  refused("-D=1", "a name, or a name and =value");
  refused("-D1A", "a name, or a name and =value");
  refused("-UA=1", "must be a name");
  refused("-DA=1\n-I/etc", "a line's end");
  refused(std::string("-DA=\0", 5), "a line's end or a NUL");
  refused("-DA=" + std::string(2000, 'x'), "longer than 1024 bytes");
  const auto fault = [](const KernelSource& source, const std::string& part) {
    try {
      checkSource(source);
      ADD_FAILURE() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::InvalidArgument);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  fault({.name = "k", .cuda = "x", .bindings = {"p"}, .cudaOptions = std::vector<std::string>(65, "-w")},
        "there may be 64");
  fault({.name = "k", .cuda = "x", .bindings = {"p"}, .sharedBytes = (256 << 10) + 1}, "no card has more");
  fault({.name = "k", .glsl = "x", .cudaOptions = {"-w"}}, "no CUDA source");
  fault({.name = "k", .glsl = "x", .sharedBytes = 1}, "no CUDA source");
  fault({.name = "k", .glsl = "x", .cudaOwnFeatures = true}, "no CUDA source");
}

}  // namespace
}  // namespace switchyard::test
