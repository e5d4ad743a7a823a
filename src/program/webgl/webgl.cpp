#include "program/webgl/webgl.h"

#include <algorithm>
#include <set>

#include "error.h"
#include "program/webgl/webgl_stage.h"

namespace switchyard {
namespace {

constexpr int64_t kMaxAttributes = 16;  // locations, as every Vulkan device has them
constexpr int64_t kMaxVaryings = 31;    // 124 components: desktop devices have 128

struct Uniform {
  const WebglVariable* variable;
  const WebglStage* owner;
  bool inVertex = false, inFragment = false;
};
struct Links {
  std::vector<Uniform> uniforms, samplers;
  bool viewport = false;
};

// The same for types that are laid out alike and have the same names within.
std::string shapeOf(const WebglStage& stage, const WebglVariable& variable) {
  std::string shape = variable.type;
  if (const WebglStruct* type = stage.structOf(variable.type)) {
    shape = "{";
    for (const WebglVariable& member : type->members) shape += shapeOf(stage, member) + ' ' + member.name + ';';
    shape += '}';
  }
  return variable.isArray ? shape + '[' + std::to_string(variable.elements) + ']' : shape;
}

int64_t locationsIn(const WebglStage& stage, const WebglVariable& variable) {
  int64_t locations = locationsOf(variable.type);
  if (const WebglStruct* type = stage.structOf(variable.type))
    for (const WebglVariable& member : type->members) locations += locationsIn(stage, member);
  return variable.isArray ? locations * variable.elements : locations;
}

std::vector<Uniform> merged(const WebglStage& vertex, const WebglStage& fragment,
                            std::vector<WebglVariable> WebglStage::*list,
                            std::vector<WebglVariable> WebglStage::*others) {
  std::vector<Uniform> uniforms;
  std::map<std::string, size_t> index;
  for (const WebglVariable& variable : vertex.*list) {
    index[variable.name] = uniforms.size();
    uniforms.push_back({&variable, &vertex, true, false});
  }
  std::set<std::string> foreign;
  for (const WebglVariable& variable : vertex.*others) foreign.insert(variable.name);
  for (const WebglVariable& variable : fragment.*list) {
    const auto found = index.find(variable.name);
    if (found == index.end() && !foreign.contains(variable.name)) {
      uniforms.push_back({&variable, &fragment, false, true});
    } else if (found == index.end() ||
               shapeOf(vertex, *uniforms[found->second].variable) != shapeOf(fragment, variable)) {
      fragment.where.fail(variable.at, "the uniform " + variable.name + " has another type in the vertex shader");
    } else {
      uniforms[found->second].inFragment = true;
    }
  }
  return uniforms;
}

void giveAttributesLocations(WebglStage& vertex) {
  std::set<int64_t> taken;
  const auto give = [&](WebglVariable& attribute, int64_t columns) {
    for (int64_t i = 0; i < columns; i++)
      if (!taken.insert(attribute.location + i).second)
        vertex.where.fail(attribute.at, attribute.name + " has the location of another attribute");
    if (attribute.location + columns > kMaxAttributes)
      vertex.where.fail(attribute.at,
                        attribute.name + ": attributes take " + std::to_string(kMaxAttributes) + " locations at most");
  };
  for (WebglVariable& attribute : vertex.inputs) {
    if (attribute.isArray || !locationsOf(attribute.type))
      vertex.where.fail(attribute.at, "the attribute " + attribute.name + " can't be an array or a struct");
    if (attribute.location >= 0) give(attribute, locationsOf(attribute.type));
  }
  for (WebglVariable& attribute : vertex.inputs) {
    if (attribute.location >= 0) continue;
    const int64_t columns = locationsOf(attribute.type);
    const auto isFree = [&](int64_t from) {
      for (int64_t i = 0; i < columns; i++)
        if (taken.contains(from + i)) return false;
      return true;
    };
    for (attribute.location = 0; !isFree(attribute.location);) attribute.location++;
    give(attribute, columns);
  }
}

// Those that only one stage declares stay without a location: they become plain variables.
void giveVaryingsLocations(WebglStage& vertex, WebglStage& fragment) {
  std::map<std::string, WebglVariable*> outputs;
  for (WebglVariable& output : vertex.outputs) {
    output.location = -1;
    outputs[output.name] = &output;
  }
  int64_t next = 0;
  for (WebglVariable& input : fragment.inputs) {
    input.location = -1;
    const auto found = outputs.find(input.name);
    if (found == outputs.end()) {
      if (fragment.uses.at(input.name) > 1)
        fragment.where.fail(input.at, "the varying " + input.name + " is not declared in the vertex shader");
      continue;
    }
    if (shapeOf(vertex, *found->second) != shapeOf(fragment, input))
      fragment.where.fail(input.at, "the varying " + input.name + " has another type in the vertex shader");
    input.location = found->second->location = next;
    next += locationsIn(fragment, input);
    if (next > kMaxVaryings)
      fragment.where.fail(input.at,
                          input.name + ": varyings take " + std::to_string(kMaxVaryings) + " locations at most");
  }
}

void checkColour(const WebglStage& fragment) {
  for (const WebglVariable& output : fragment.outputs) {
    const bool isFloats =
        output.type == "float" || output.type == "vec2" || output.type == "vec3" || output.type == "vec4";
    if (!isFloats || output.isArray)
      fragment.where.fail(output.at, output.name + ": a colour must be a float or a vec2, vec3 or vec4");
    if (fragment.outputs.size() > 1 || output.location > 0)
      fragment.where.fail(fragment.outputs.back().at,
                          fragment.outputs.back().name + ": only one colour, at location 0, is supported");
  }
}

class Writer {
 public:
  Writer(WebglStage& stage, const Links& links) : stage_(stage), links_(links) {}
  std::string run() {
    placeDeclarations();
    rename();
    std::string text = "#version 450\n#line 1\n" + prologue();
    uint32_t line = 1;
    for (const GlslToken& token : stage_.tokens) {
      if (token.text.empty()) continue;
      for (; line < token.line; line++) text += '\n';
      text += token.text;
      text += ' ';
    }
    return text + '\n' + mainFunction();
  }

 private:
  WebglStage& stage_;
  const Links& links_;

  std::string nameOf(const std::string& name) const { return vulkanName(name, stage_.version); }
  std::string typeOf(const WebglVariable& variable) const {
    return stage_.structOf(variable.type) ? nameOf(variable.type) : variable.type;
  }
  static std::string elementsOf(const WebglVariable& variable) {
    return variable.isArray ? '[' + std::to_string(variable.elements) + ']' : std::string();
  }
  std::string declarationOf(const WebglVariable& variable) const {
    return typeOf(variable) + ' ' + nameOf(variable.name) + elementsOf(variable) + ';';
  }

  void place(const WebglVariable& variable, const char* direction) {
    const std::string layout = variable.location < 0 ? ""
                                                     : "layout(location = " + std::to_string(variable.location) + ") " +
                                                           variable.qualifiers + direction;
    placed_[variable.token] += layout + declarationOf(variable) + ' ';
  }
  std::map<size_t, std::string> placed_;  // texts that are in GLSL 450's words already

  void placeDeclarations() {
    for (const WebglVariable& input : stage_.inputs) place(input, "in ");
    for (WebglVariable output : stage_.outputs) {
      // a smaller one is a plain variable: see mainFunction()
      if (!stage_.isVertex) output.location = output.type == "vec4" ? 0 : -1;
      place(output, "out ");
    }
    for (const WebglStruct* type : hoisted()) {
      // a uniform block's, or gone with its uniform
      if (type->last == 0 || stage_.tokens[type->first].text.empty()) continue;
      for (size_t i = type->first; i <= type->last; i++) stage_.tokens[i].text.clear();
      if (!type->alone)
        stage_.tokens[type->first].text = type->name;
      else if (type->last + 1 < stage_.tokens.size())
        stage_.tokens[type->last + 1].text.clear();
    }
  }

  void rename() {
    for (size_t i = 0; i < stage_.tokens.size(); i++) {
      GlslToken& token = stage_.tokens[i];
      if (token.is("gl_FragData"))
        renameData(i);
      else if (token.isName() && !token.is("invariant gl_Position;"))
        token.text = renamed(token);
    }
    for (const auto& [index, text] : placed_) stage_.tokens[index].text = text;
  }
  std::string renamed(const GlslToken& token) const {
    const bool isCube =
        token.text.starts_with("samplerCube") || (stage_.version == 100 && token.text.starts_with("textureCube"));
    if (isCube || token.is("sampler3D") || token.is("sampler2DArray"))
      stage_.where.fail(token, token.text + ": only two-dimensional textures are supported");
    return nameOf(token.text);
  }
  void renameData(size_t at) {
    GlslTokens& tokens = stage_.tokens;
    size_t end = at + 1;
    while (end < tokens.size() && !tokens[end].is("]")) end++;
    const bool indexed = end < tokens.size() && at + 1 < tokens.size() && tokens[at + 1].is("[");
    const auto index = indexed ? constantOf(std::span(tokens).subspan(at + 2, end - at - 2), {}) : std::nullopt;
    if (index != 0) stage_.where.fail(tokens[at], "only gl_FragData[0] is supported");
    for (size_t i = at + 1; i <= end; i++) tokens[i].text.clear();
    tokens[at].text = "sy_FragColor";
  }

  // The structs that uniforms, attributes and varyings have: they must be known before the first line.
  std::vector<const WebglStruct*> hoisted() const {
    std::set<std::string> names;
    for (const auto* list : {&stage_.uniforms, &stage_.inputs, &stage_.outputs})
      for (const WebglVariable& variable : *list) addStructs(stage_, variable.type, names);
    std::vector<const WebglStruct*> types;
    for (const WebglStruct& type : stage_.structs)
      if (names.contains(type.name) && stage_.structOf(type.name) == &type) types.push_back(&type);
    return types;
  }
  static void addStructs(const WebglStage& stage, const std::string& type, std::set<std::string>& names) {
    const WebglStruct* found = stage.structOf(type);
    if (!found || !names.insert(type).second) return;
    for (const WebglVariable& member : found->members) addStructs(stage, member.type, names);
  }

  std::string prologue() const {
    std::string text;
    for (const WebglStruct* type : hoisted()) {
      text += "struct " + nameOf(type->name) + " { ";
      for (const WebglVariable& member : type->members) text += declarationOf(member) + ' ';
      text += "}; ";
    }
    text += uniformBlock();
    for (size_t i = 0; i < links_.samplers.size(); i++) {
      const Uniform& sampler = links_.samplers[i];
      if (stage_.isVertex ? sampler.inVertex : sampler.inFragment)
        text += "layout(set = 0, binding = " + std::to_string(i + 1) + ") uniform sampler2D " +
                nameOf(sampler.variable->name) + "; ";
    }
    return text + builtIns();
  }

  // Members of the other stage alone are there for their places: where this stage uses their names for something else,
  // they have others.
  std::string uniformBlock() const {
    if (links_.uniforms.empty() && !links_.viewport) return {};
    std::string structs, members;
    std::set<std::string> foreign;
    for (const Uniform& uniform : links_.uniforms) {
      const WebglVariable& variable = *uniform.variable;
      if (stage_.isVertex ? uniform.inVertex : uniform.inFragment) {
        members += declarationOf(variable) + ' ';
        continue;
      }
      const std::string type = foreignType(*uniform.owner, variable.type, foreign, structs);
      members += type + ' ' + (stage_.mentions(variable.name) ? "sy_unused_" : "") +
                 vulkanName(variable.name, uniform.owner->version) + elementsOf(variable) + "; ";
    }
    if (links_.viewport) members += std::string("vec2 ") + kWebglViewport + "; ";
    return structs + "layout(set = 0, binding = 0, std140) uniform SyUniforms { " + members + "}; ";
  }
  static std::string foreignType(const WebglStage& owner, const std::string& type, std::set<std::string>& known,
                                 std::string& structs) {
    const WebglStruct* found = owner.structOf(type);
    if (!found) return type;
    const std::string name = "sy_other_" + type;
    if (!known.insert(type).second) return name;
    std::string members;
    for (const WebglVariable& member : found->members)
      members += foreignType(owner, member.type, known, structs) + ' ' + vulkanName(member.name, owner.version) +
                 elementsOf(member) + "; ";
    structs += "struct " + name + " { " + members + "}; ";
    return name;
  }

  std::string builtIns() const {
    static const char* kVectors[] = {"float", "vec2", "vec3", "vec4"};
    std::string text;
    if (!stage_.isVertex && (stage_.version == 100 || hasSmallColour()))
      text += "layout(location = 0) out vec4 sy_FragColor; ";
    if (!stage_.isVertex && stage_.mentions("gl_FragCoord"))
      text += std::string("vec4 sy_FragCoord = vec4(gl_FragCoord.x, ") + kWebglViewport +
              ".y - gl_FragCoord.y, gl_FragCoord.zw); ";
    if (stage_.mentions("gl_DepthRange") || stage_.mentions("gl_DepthRangeParameters"))
      text +=
          "struct sy_DepthRangeParameters { float near; float far; float diff; }; "
          "const sy_DepthRangeParameters sy_DepthRange = sy_DepthRangeParameters(0.0, 1.0, 1.0); ";
    for (const std::string type : kVectors) {
      if (stage_.mentions("dFdy")) text += type + " sy_dFdy(" + type + " p) { return -dFdy(p); } ";
      if (!stage_.mentions("smoothstep")) continue;
      // Vulkan leaves edges in the wrong order undefined; WebGL's drivers all compute this.
      const std::string body =
          " x) { " + type + " t = clamp((x - a) / (b - a), 0.0, 1.0); return t * t * (3.0 - 2.0 * t); } ";
      text += type + " sy_smoothstep(" + type + " a, " + type + " b, " + type + body;
      if (type != "float") text += type + " sy_smoothstep(float a, float b, " + type + body;
    }
    return text;
  }

  bool hasSmallColour() const {
    return !stage_.isVertex && !stage_.outputs.empty() && stage_.outputs[0].type != "vec4";
  }

  std::string mainFunction() const {
    const std::string call = std::string(kTakenPrefix) + "main(); ";
    if (stage_.isVertex)
      return "void main() { gl_PointSize = 1.0; " + call + "gl_Position.z = 0.5 * (gl_Position.z + gl_Position.w); }\n";
    if (stage_.version == 100) return "void main() { sy_FragColor = vec4(0.0); " + call + "}\n";
    if (stage_.outputs.empty()) return "void main() { " + call + "}\n";
    const WebglVariable& colour = stage_.outputs[0];
    const char* rest = colour.type == "float" ? ", 0.0, 0.0, 1.0" : colour.type == "vec2" ? ", 0.0, 1.0" : ", 1.0";
    const std::string fill = hasSmallColour() ? "sy_FragColor = vec4(" + nameOf(colour.name) + rest + "); " : "";
    return "void main() { " + nameOf(colour.name) + " = " + colour.type + "(0.0); " + call + fill + "}\n";
  }
};

}  // namespace

ShaderDialect dialectOf(const std::string& source) {
  const GlslTokens tokens = glslTokens(source);
  const auto text = [&](size_t i) { return i < tokens.size() ? tokens[i].text : std::string(); };
  for (size_t i = 0; i < tokens.size(); i++) {
    if (!tokens[i].is("#") || !tokens[i].firstOnLine || text(i + 1) != "version") continue;
    if (text(i + 2) == "100") return ShaderDialect::Es100;
    return text(i + 2) == "300" && text(i + 3) == "es" ? ShaderDialect::Es300 : ShaderDialect::Vulkan;
  }
  for (size_t i = 0; i < tokens.size(); i++) {
    const std::string next = text(i + 1);
    if (tokens[i].is("@") && (next == "vertex" || next == "fragment" || next == "compute")) return ShaderDialect::Wgsl;
    if (tokens[i].is("fn") && i + 1 < tokens.size() && tokens[i + 1].isName() && text(i + 2) == "(")
      return ShaderDialect::Wgsl;
    if (tokens[i].is("var") && next == "<") return ShaderDialect::Wgsl;
    if (tokens[i].is("layout") && next == "(") return ShaderDialect::Vulkan;
  }
  return ShaderDialect::Es100;
}

TranslatedShader translateWebgl(const std::string& vertexSource, const std::string& fragmentSource) {
  const ShaderDialect dialect = dialectOf(vertexSource), other = dialectOf(fragmentSource);
  const auto isWebgl = [](ShaderDialect one) { return one == ShaderDialect::Es100 || one == ShaderDialect::Es300; };
  if (!isWebgl(dialect) || !isWebgl(other))
    throw Error(Code::Compile, "the shaders are not both WebGL's: GLSL ES 1.00 or 3.00", {.line = 1, .column = 1});
  if (dialect != other)
    throw Error(Code::Compile, "the vertex and the fragment shader must have the same #version",
                {.line = 1, .column = 1});
  const int version = dialect == ShaderDialect::Es300 ? 300 : 100;
  WebglStage vertex = readWebglStage(vertexSource, true, version),
             fragment = readWebglStage(fragmentSource, false, version);
  Links links{.uniforms = merged(vertex, fragment, &WebglStage::uniforms, &WebglStage::samplers),
              .samplers = merged(vertex, fragment, &WebglStage::samplers, &WebglStage::uniforms),
              .viewport = fragment.mentions("gl_FragCoord")};
  giveAttributesLocations(vertex);
  giveVaryingsLocations(vertex, fragment);
  checkColour(fragment);
  TranslatedShader translated;
  translated.vertex = Writer(vertex, links).run();
  translated.fragment = Writer(fragment, links).run();
  return translated;
}

}  // namespace switchyard
