// Modules as bytes: what comes back, what damage is noticed, and the ids of programs.
#include <sodium/crypto_hash_sha256.h>

#include <random>
#include <span>

#include "compile_fixture.h"

namespace switchyard::test {
namespace {

ProgramModule richModule() {
  ProgramModule module = *compileKernel(
      {.name = "rich",
       .glsl = "#version 450\nlayout(binding = 0) readonly buffer A { float a[]; };\nlayout(binding = 3) buffer B { "
               "uint b[]; };\n"
               "layout(push_constant) uniform P { uint n; mat2 m; };\nvoid main() { b[n] = uint(a[n] * m[0].x); }\n"});
  // Every field that encodeModule() must not forget differs from its default.
  module.entry = "other";
  module.vertex = {1, 2, 3};
  module.fragment = {4, 0xffffffff};
  module.info.kind = ProgramKind::Shader;
  module.info.attributes = {{.name = "at", .scalar = Scalar::Int, .location = 3, .rows = 2, .columns = 1}};
  module.info.bindings[1].kind = ProgramBinding::Kind::Image;
  module.info.bindings[1].set = 2;
  module.info.bindings[1].writeOnly = true;
  module.info.bindings[1].minBytes = uint64_t{1} << 40;
  module.info.paramsAreUniform = module.info.flipY = true;
  module.info.wroteOutputs = false;
  module.info.unused = {.attributes = {"normal"}, .buffers = {"lights", "more"}, .uniforms = {"u_time"}};
  module.info.paramSet = 4;
  module.info.paramBinding = 5;
  module.info.needs = {true, false, true, false, true, true, false, 0x85};
  module.cuda = {"_Z5scale", {'p', 't', 'x', 0},      {0, 1, 2},         75, 65536,
                 {64, 1, 2}, {{true, 1}, {false, 0}}, module.info.params};
  return module;
}

TEST(ProgramModuleBytes, ComeBackEqual) {
  const ProgramModule module = richModule();
  EXPECT_EQ(*decodeModule(encodeModule(module)), module);
  const ProgramModule bare;
  EXPECT_EQ(*decodeModule(encodeModule(bare)), bare);
  ProgramModule other = module;
  other.info.needs.int8 = true;
  EXPECT_NE(encodeModule(other), encodeModule(module));
}

TEST(ProgramModuleBytes, TruncatedOrChanged) {
  const std::vector<uint8_t> bytes = encodeModule(richModule());
  for (size_t size = 0; size < bytes.size(); ++size)
    ASSERT_EQ(failureOf([&] { decodeModule(std::span(bytes).first(size)); }).code, Code::Internal) << size;
  std::mt19937 random(20260101);
  for (int round = 0; round < 5000; ++round) {
    std::vector<uint8_t> changed = bytes;
    for (uint32_t flips = random() % 3 + 1; flips > 0; --flips)
      changed[random() % changed.size()] ^= static_cast<uint8_t>(1 + random() % 255);
    if (changed == bytes) continue;
    const Failure failure = failureOf([&] { decodeModule(changed); });
    ASSERT_EQ(failure.code, Code::Internal);
    ASSERT_NE(failure.text, "nothing was thrown") << "round " << round;
  }
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  expectRefused(failureOf([&] { decodeModule(longer); }), "its length", Code::Internal);
}

// Damage that the checksum does not show: the reader itself must not trust a count or a value.
TEST(ProgramModuleBytes, ChangedUnderARightChecksum) {
  const std::vector<uint8_t> bytes = encodeModule(richModule());
  constexpr size_t kContent = 48;
  std::mt19937 random(20260102);
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<uint8_t> changed = bytes;
    for (uint32_t flips = random() % 4 + 1; flips > 0; --flips) {
      const size_t at = kContent + random() % (changed.size() - kContent);
      changed[at] = random() % 2 ? 0xff : static_cast<uint8_t>(random());
    }
    crypto_hash_sha256(changed.data() + 16, changed.data() + kContent, changed.size() - kContent);
    try {
      const std::vector<uint8_t> again = encodeModule(*decodeModule(changed));
      ASSERT_EQ(again, changed) << "round " << round;  // what is accepted is exactly what was written
    } catch (const Error& error) {
      ASSERT_EQ(error.code, Code::Internal);
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(ProgramModuleBytes, Ids) {
  const KernelSource source{.name = "k", .glsl = "a"};
  EXPECT_EQ(programId(source), programId(source));
  const auto differs = [&](const KernelSource& other) { EXPECT_NE(programId(other), programId(source)); };
  differs({.name = "l", .glsl = "a"});
  differs({.name = "k", .glsl = "b"});
  differs({.name = "k", .glsl = "a", .bindings = {"x"}});
  differs({.name = "k", .glsl = "a", .cuda = "c"});
  EXPECT_NE(programId(KernelSource{.name = "k", .cuda = "c"}),
            programId(KernelSource{.name = "k", .cuda = "c", .cudaArch = 90}));
  EXPECT_EQ(programId(KernelSource{.name = "k", .cuda = "c"}),
            programId(KernelSource{.name = "k", .cuda = "c", .cudaArch = 75}));
  const ProgramId plain = programId(KernelSource{.name = "k", .cuda = "c"});
  EXPECT_NE(programId(KernelSource{.name = "k", .cuda = "c", .cudaOptions = {"-w"}}), plain);
  EXPECT_NE(programId(KernelSource{.name = "k", .cuda = "c", .sharedBytes = 16}), plain);
  EXPECT_NE(programId(KernelSource{.name = "k", .cuda = "c", .cudaOwnFeatures = true}), plain);
  EXPECT_NE(programId(ShaderSource{"s", "ab", "c"}), programId(ShaderSource{"s", "a", "bc"}));
  const std::string hex = hexOf({0x01, 0xab});
  EXPECT_EQ(hex.substr(0, 6), "01ab00");
  EXPECT_EQ(hex.size(), 64u);
}

}  // namespace
}  // namespace switchyard::test
