#include "program/webgl/webgl_stage.h"

#include <algorithm>
#include <set>

namespace switchyard {
namespace {

constexpr int64_t kMaxElements = 65536;
constexpr int64_t kMaxParts = 4096;  // plain members of a struct, those of structs within it included
constexpr int kMaxNestedStructs = 16;

bool isPrecision(const GlslToken& token) { return token.is("lowp") || token.is("mediump") || token.is("highp"); }

class StageReader {
 public:
  StageReader(const std::string& source, bool isVertex, int version) {
    stage_.where.name = isVertex ? "vertex shader" : "fragment shader";
    stage_.version = version;
    stage_.isVertex = isVertex;
    stage_.tokens = preprocessGlsl(source, stage_.where, version);
  }
  WebglStage run() {
    for (size_t i = 0; i < tokens_.size(); i++)
      if (tokens_[i].isName() && !(i && tokens_[i - 1].is("."))) stage_.uses[tokens_[i].text]++;
    dropPrecisions();
    while (more()) readGlobal();
    if (!hasMain_) fail("there is no main()");
    return std::move(stage_);
  }

 private:
  enum class Storage : uint8_t { None, Const, Uniform, Attribute, In, Out };
  struct Head {  // of a declaration
    size_t first = 0;
    Storage storage = Storage::None;
    std::string qualifiers;
    int64_t location = -1;
    std::string type;
  };
  WebglStage stage_;
  GlslTokens& tokens_ = stage_.tokens;
  size_t at_ = 0;
  bool hasMain_ = false;
  std::map<std::string, int64_t> constants_;
  std::map<std::string, GlslToken> declared_;

  // Skips what is gone.
  bool more() {
    while (at_ < tokens_.size() && tokens_[at_].text.empty()) at_++;
    return at_ < tokens_.size();
  }
  [[noreturn]] void fail(const std::string& problem) {
    if (more()) stage_.where.fail(tokens_[at_], problem);
    const GlslToken last = tokens_.empty() ? GlslToken{.line = 1, .column = 1} : tokens_.back();
    stage_.where.fail(last, problem);
  }
  bool isAt(const char* text) { return more() && tokens_[at_].is(text); }
  bool accept(const char* text) {
    if (!isAt(text)) return false;
    at_++;
    return true;
  }
  void expect(const char* text, const char* where) {
    if (accept(text)) return;
    fail((more() ? "'" + tokens_[at_].text + "'" : std::string("the end")) + " instead of '" + text + "' " + where);
  }
  const GlslToken& expectName(const char* what) {
    if (!more() || !tokens_[at_].isName())
      fail((more() ? "'" + tokens_[at_].text + "'" : std::string("the end")) + " instead of " + what);
    return tokens_[at_++];
  }
  void drop(size_t first, size_t end) {
    for (size_t i = first; i < end; i++) tokens_[i].text.clear();
  }
  // After the bracket that closes the one at `at_`. What can't stand within ( or [ shows where a bracket is missing.
  size_t endOfBrackets() {
    std::vector<size_t> open;
    for (size_t i = at_; i < tokens_.size(); i++) {
      const std::string& text = tokens_[i].text;
      const bool opens = text == "(" || text == "[" || text == "{", closes = text == ")" || text == "]" || text == "}";
      if (!open.empty() && !tokens_[open.back()].is("{")) {
        const bool inHead = open.back() > 0 && tokens_[open.back() - 1].is("for");
        const bool ends = text == "{" || text == "}" || (text == ";" && !inHead);
        if (ends || (closes && text != closerOf(open.back()))) failUnclosed(open.back(), i);
      } else if (closes && !open.empty() && text != "}") {
        stage_.where.fail(tokens_[i], "this '" + text + "' closes nothing");
      }
      if (opens) open.push_back(i);
      if (!closes) continue;
      open.pop_back();
      if (open.empty()) return i + 1;
    }
    if (tokens_[open.back()].is("{")) stage_.where.fail(tokens_[open.back()], "this '{' is never closed");
    failUnclosed(open.back(), tokens_.size());
  }
  const char* closerOf(size_t bracket) const {
    return tokens_[bracket].is("(") ? ")" : tokens_[bracket].is("[") ? "]" : "}";
  }
  [[noreturn]] void failUnclosed(size_t bracket, size_t next) const {
    const GlslToken &opened = tokens_[bracket], &last = tokens_[next - 1];
    const std::string before = next < tokens_.size() ? " before '" + tokens_[next].text + "'" : "";
    stage_.where.fail(last.line, last.column + static_cast<uint32_t>(last.text.size()),
                      "'" + std::string(closerOf(bracket)) + "' is missing" + before + ": the '" + opened.text +
                          "' of line " + std::to_string(opened.line) + ", column " + std::to_string(opened.column) +
                          " is not closed");
  }

  void dropPrecisions() {
    for (size_t i = 0; i < tokens_.size(); i++) {
      if (isPrecision(tokens_[i])) {
        tokens_[i].text.clear();
      } else if (tokens_[i].is("precision")) {
        size_t end = i;
        while (end < tokens_.size() && !tokens_[end].is(";")) end++;
        if (end == tokens_.size() || end - i != 3)
          stage_.where.fail(tokens_[i], "a precision statement is a precision, a type and a semicolon");
        drop(i, end + 1);
      }
    }
  }

  void readGlobal() {
    const size_t first = at_;
    if (accept(";")) {
      drop(first, at_);
    } else if (isAt("invariant") && first + 2 < tokens_.size() &&
               (tokens_[first + 2].is(",") || tokens_[first + 2].is(";"))) {
      readInvariance();
    } else {
      readDeclaration();
    }
  }

  // It matters for gl_Position: passes that draw the same triangles must agree.
  void readInvariance() {
    const size_t first = at_++;
    bool ofPosition = false;
    do ofPosition |= expectName("a name").is("gl_Position");
    while (accept(","));
    expect(";", "after the names that are invariant");
    drop(first, at_);
    if (ofPosition && stage_.isVertex) tokens_[first].text = "invariant gl_Position;";
  }

  Head readHead() {
    Head head{.first = at_};
    for (; more(); at_++) {
      const std::string& text = tokens_[at_].text;
      if (text == "const")
        head.storage = Storage::Const;
      else if (text == "uniform")
        head.storage = Storage::Uniform;
      else if (text == "attribute")
        head.storage = Storage::Attribute;
      else if (text == "varying")
        head.storage = stage_.isVertex ? Storage::Out : Storage::In;
      else if (text == "in" && stage_.version == 300)
        head.storage = stage_.isVertex ? Storage::Attribute : Storage::In;
      else if (text == "out" && stage_.version == 300)
        head.storage = Storage::Out;
      else if ((text == "flat" || text == "centroid" || text == "smooth") && stage_.version == 300)
        head.qualifiers += text + ' ';
      else if (text == "invariant")
        head.qualifiers += stage_.isVertex ? "invariant " : "";
      else if (text == "layout" && stage_.version == 300)
        readLayout(head);
      else
        break;
    }
    if (head.storage == Storage::Attribute && !stage_.isVertex)
      stage_.where.fail(tokens_[head.first], "a fragment shader has no attributes");
    return head;
  }
  // Stops at its closing parenthesis.
  void readLayout(Head& head) {
    at_++;
    if (!isAt("(")) fail("layout needs a list in parentheses");
    const size_t end = endOfBrackets();
    for (size_t i = at_ + 1; i < end; i++) {
      if (tokens_[i].is("row_major")) stage_.where.fail(tokens_[i], "row_major is not supported: transpose the matrix");
      if (!tokens_[i].is("location")) continue;
      const std::optional<int64_t> value =
          i + 2 < end && tokens_[i + 1].is("=") ? constantOf(std::span(tokens_).subspan(i + 2, 1), {}) : std::nullopt;
      if (!value || *value < 0 || *value > 255) stage_.where.fail(tokens_[i], "location needs a number");
      head.location = *value;
    }
    at_ = end - 1;
  }

  void readDeclaration() {
    Head head = readHead();
    const bool structHere = isAt("struct");
    if (structHere) {
      head.type = readStruct();
    } else {
      const GlslToken& type = expectName("a type");
      head.type = type.text;
      if (head.storage == Storage::Uniform && isAt("{")) return readBlock(head.first, type);
    }
    bool typeIsArray = false;
    const int64_t typeElements = readElements(typeIsArray);
    if (accept(";")) {
      if (structHere) stage_.structs.back().alone = true;
      drop(head.first, structHere ? stage_.structs.back().first : at_);
      return;
    }
    for (bool first = true;; first = false) {
      WebglVariable variable{.type = head.type,
                             .isArray = typeIsArray,
                             .elements = typeElements,
                             .qualifiers = head.qualifiers,
                             .location = head.location,
                             .token = head.first};
      variable.at = expectName("the name of a variable or function");
      variable.name = variable.at.text;
      if (first && isAt("(")) {
        if (head.storage != Storage::None) fail("a function can't be an attribute, varying, uniform, input or output");
        return readFunction(variable.name);
      }
      if (isAt("[")) variable.elements = readElements(variable.isArray);
      const size_t initializer = at_;
      if (accept("=")) skipInitializer();
      take(head.storage, variable, initializer);
      if (accept(",")) continue;
      expect(";", "after the declaration");
      if (head.storage != Storage::None && head.storage != Storage::Const) drop(head.first, at_);
      return;
    }
  }

  // The size of an array where one stands, else 0; -1, where it is no constant.
  int64_t readElements(bool& isArray) {
    if (!isAt("[")) return 0;
    isArray = true;
    const size_t end = endOfBrackets();
    const auto size = constantOf(std::span(tokens_).subspan(at_ + 1, end - at_ - 2),
                                 [this](const std::string& name) { return valueOf(name); });
    at_ = end;
    if (isAt("[")) fail("there are no arrays of arrays in GLSL ES");
    return size && *size > 0 && *size <= kMaxElements ? *size : -1;
  }
  std::optional<int64_t> valueOf(const std::string& name) const {
    const auto found = constants_.find(name);
    if (found != constants_.end()) return found->second;
    return name.starts_with("gl_Max") ? constantOf(glslTokens(vulkanName(name, stage_.version)), {}) : std::nullopt;
  }
  void skipInitializer() {
    while (more() && !isAt(",") && !isAt(";")) {
      if (isAt("(") || isAt("[") || isAt("{"))
        at_ = endOfBrackets();
      else
        at_++;
    }
  }

  void readFunction(const std::string& name) {
    at_ = endOfBrackets();
    if (accept(";")) return;
    if (!isAt("{")) fail("'{' or ';' is missing after the function's parameters");
    if (name == "main") hasMain_ = true;
    const size_t end = endOfBrackets();
    if (stage_.version == 100) {  // there, a body may declare names of its parameters anew
      tokens_[at_].text = "{ {";
      tokens_[end - 1].text = "} }";
    }
    at_ = end;
  }

  std::vector<WebglVariable> readMembers(const char* whose) {
    std::vector<WebglVariable> members;
    expect("{", whose);
    while (!accept("}")) {
      const Head head = readHead();
      if (isAt("struct")) fail("a struct within a struct must be declared before it");
      const std::string type = expectName("a type").text;
      bool typeIsArray = false;
      const int64_t typeElements = readElements(typeIsArray);
      do {
        WebglVariable member{.type = type, .isArray = typeIsArray, .elements = typeElements, .token = head.first};
        member.at = expectName("the name of a member");
        member.name = member.at.text;
        if (isAt("[")) member.elements = readElements(member.isArray);
        members.push_back(std::move(member));
      } while (accept(","));
      expect(";", "after the member");
    }
    return members;
  }
  std::string readStruct() {
    WebglStruct made{.first = at_++};
    const bool named = more() && tokens_[at_].isName();
    made.name = named ? tokens_[at_++].text : "sy_struct" + std::to_string(stage_.structs.size());
    made.members = readMembers("of the struct");
    made.last = at_ - 1;
    addStruct(made);
    return made.name;
  }

  void addStruct(WebglStruct& made) {
    for (const WebglVariable& member : made.members) {
      const WebglStruct* type = stage_.structOf(member.type);
      made.parts = std::min(kMaxParts + 1, made.parts + (type ? type->parts : 1));
      made.depth = std::max(made.depth, type ? type->depth + 1 : 1);
    }
    stage_.structIndex.emplace(made.name, stage_.structs.size());
    stage_.structs.push_back(made);
  }

  void readBlock(size_t first, const GlslToken& name) {
    WebglStruct block{.name = name.text};
    const GlslToken at = name;
    block.members = readMembers("of the uniform block");
    if (more() && tokens_[at_].isName()) {
      WebglVariable instance{.type = block.name, .token = first};
      instance.at = tokens_[at_++];
      instance.name = instance.at.text;
      if (isAt("[")) fail("arrays of uniform blocks are not supported");
      addStruct(block);
      take(Storage::Uniform, instance, at_);
    } else {
      if (block.members.empty()) stage_.where.fail(at, "the uniform block " + at.text + " has no members");
      for (WebglVariable& member : block.members) take(Storage::Uniform, member, at_);
    }
    expect(";", "after the uniform block");
    drop(first, at_);
  }

  // `initializer` is the token where one would begin; there is one where that is not `at_`.
  void take(Storage storage, WebglVariable& variable, size_t initializer) {
    if (storage == Storage::None) return;
    if (storage == Storage::Const) {
      if (initializer != at_ && !variable.isArray && (variable.type == "int" || variable.type == "uint")) {
        const auto tokens = std::span(tokens_).subspan(initializer + 1, at_ - initializer - 1);
        if (const auto value = constantOf(tokens, [this](const std::string& name) { return valueOf(name); }))
          constants_[variable.name] = *value;
      }
      return;
    }
    if (initializer != at_) stage_.where.fail(variable.at, variable.name + " can't have an initial value");
    if (variable.elements < 0)
      stage_.where.fail(variable.at, "the size of " + variable.name + " must be a constant from 1 to " +
                                         std::to_string(kMaxElements));
    if (!declared_.emplace(variable.name, variable.at).second)
      stage_.where.fail(variable.at, variable.name + " is declared twice");
    if (storage == Storage::Uniform) return takeUniform(variable);
    if (variable.type == "bool" || variable.type.starts_with("bvec"))
      stage_.where.fail(variable.at, variable.name + " can't be a " + variable.type + " here");
    checkPlain(variable);
    (storage == Storage::Out ? stage_.outputs : stage_.inputs).push_back(variable);
  }
  void takeUniform(const WebglVariable& variable) {
    if (variable.type != "sampler2D") {
      checkPlain(variable);
      stage_.uniforms.push_back(variable);
      return;
    }
    if (variable.isArray)
      stage_.where.fail(variable.at, variable.name + ": arrays of samplers are not supported: declare one by one");
    stage_.samplers.push_back(variable);
  }
  void checkPlain(const WebglVariable& variable) {
    if (locationsOf(variable.type)) return;
    if (variable.type.find("sampler") != std::string::npos) {
      const bool plain = variable.type == "sampler2D";
      stage_.where.fail(variable.at,
                        variable.name + (plain ? ": a sampler can't stand here: only a uniform of its own can be one"
                                               : ": a " + variable.type + " is not supported, only sampler2D is"));
    }
    const WebglStruct* type = stage_.structOf(variable.type);
    if (!type) stage_.where.fail(variable.at, variable.name + " has the unknown type " + variable.type);
    if (type->members.empty()) stage_.where.fail(variable.at, "the struct " + variable.type + " has no members");
    if (type->depth > kMaxNestedStructs || type->parts > kMaxParts)
      stage_.where.fail(variable.at, "the struct " + variable.type + " has over " + std::to_string(kMaxParts) +
                                         " members, or is nested over " + std::to_string(kMaxNestedStructs) + " deep");
    const size_t index = static_cast<size_t>(type - stage_.structs.data());
    for (const WebglVariable& member : type->members) {
      if (member.elements < 0)
        stage_.where.fail(
            member.at, "the size of " + member.name + " must be a constant from 1 to " + std::to_string(kMaxElements));
      const WebglStruct* inner = stage_.structOf(member.type);
      if (inner && static_cast<size_t>(inner - stage_.structs.data()) >= index)
        stage_.where.fail(member.at, "the struct " + member.type + " is not declared yet");
      checkPlain(member);
    }
  }
};

}  // namespace

const WebglStruct* WebglStage::structOf(const std::string& type) const {
  const auto found = structIndex.find(type);
  return found == structIndex.end() ? nullptr : &structs[found->second];
}

WebglStage readWebglStage(const std::string& source, bool isVertex, int version) {
  return StageReader(source, isVertex, version).run();
}

}  // namespace switchyard
