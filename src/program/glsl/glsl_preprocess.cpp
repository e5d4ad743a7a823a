#include <algorithm>
#include <memory>
#include <set>

#include "program/glsl/glsl_tokens.h"

namespace switchyard {
namespace {

constexpr size_t kMaxTokens = 1 << 20;  // of all expansions together: macros that double each other end here
constexpr int kMaxNestedArguments = 64;

struct Macro {
  bool isFunction = false;
  std::vector<std::string> parameters;
  GlslTokens body;
  int running = 0;  // how many of its expansions are being read: it is not expanded within itself
};

class Preprocessor {
 public:
  Preprocessor(const std::string& source, const GlslStage& stage, int version)
      : stage_(stage), raw_(glslTokens(source)) {
    for (const char* name : {"GL_ES", "GL_FRAGMENT_PRECISION_HIGH"}) define(name, "1");
    define("__VERSION__", std::to_string(version));
    define("__FILE__", "0");
    if (version == 100)
      for (const char* name : {"GL_OES_standard_derivatives", "GL_EXT_frag_depth", "GL_EXT_shader_texture_lod"})
        define(name, "1");
  }
  GlslTokens run() {
    GlslTokens out;
    for (size_t at = 0; at < raw_.size();) {
      if (raw_[at].firstOnLine && raw_[at].is("#")) {
        size_t end = at + 1;
        while (end < raw_.size() && !raw_[end].firstOnLine) end++;
        carryOut(raw_[at], std::span(raw_).subspan(at + 1, end - at - 1));
        at = end;
        continue;
      }
      size_t end = at + 1;
      while (end < raw_.size() && !(raw_[end].firstOnLine && raw_[end].is("#"))) end++;
      if (active()) expand(std::span(raw_).subspan(at, end - at), out, 0);
      at = end;
    }
    if (!groups_.empty()) stage_.fail(groups_.back().at, "this #if has no #endif");
    for (const GlslToken& token : out)
      if (token.kind == GlslToken::Kind::Other || token.is("#") || token.is("##")) failAtCharacter(token);
    return out;
  }

 private:
  using Line = std::span<const GlslToken>;
  struct Group {  // an #if that is open
    GlslToken at;
    bool outer = true;   // what it stands in is active
    bool active = true;  // the part of it that is being read
    bool done = false;   // one of its parts was active
    bool atElse = false;
  };
  struct Frame {
    GlslTokens tokens;
    size_t at = 0;
    Macro* macro = nullptr;
  };

  const GlslStage& stage_;
  const GlslTokens raw_;
  std::map<std::string, std::unique_ptr<Macro>> macros_;
  std::vector<Group> groups_;
  size_t expanded_ = 0;

  bool active() const { return groups_.empty() || groups_.back().active; }
  [[noreturn]] void failAtCharacter(const GlslToken& token) const {
    const auto byte = static_cast<unsigned char>(token.text[0]);
    static const char* kDigits = "0123456789abcdef";
    const std::string shown =
        byte >= 32 && byte < 127 ? token.text : std::string("byte 0x") + kDigits[byte >> 4] + kDigits[byte & 15];
    stage_.fail(token, "unexpected " + shown);
  }
  void define(const std::string& name, const std::string& value) {
    auto macro = std::make_unique<Macro>();
    macro->body = glslTokens(value);
    macros_[name] = std::move(macro);
  }

  void carryOut(const GlslToken& hash, Line line) {
    if (line.empty()) return;
    const std::string& name = line[0].text;
    const Line rest = line.subspan(1);
    if (name == "if" || name == "ifdef" || name == "ifndef") return openGroup(line[0], rest);
    if (name == "elif" || name == "else" || name == "endif") return turnGroup(line[0], rest);
    if (!active()) return;
    if (name == "define") return carryOutDefine(line[0], rest);
    if (name == "undef") {
      if (rest.empty() || !rest[0].isName()) stage_.fail(line[0], "#undef needs a name");
      macros_.erase(rest[0].text);
    } else if (name == "error") {
      std::string text;
      for (const GlslToken& token : rest) text += (text.empty() || token.joined ? "" : " ") + token.text;
      stage_.fail(hash, "#error " + text);
    } else if (name == "extension") {
      carryOutExtension(line[0], rest);
    } else if (name != "version" && name != "pragma" && name != "line") {
      stage_.fail(hash, "there is no #" + name + " in GLSL ES" +
                            (name == "include" ? ": put the included text in its place" : ""));
    }
  }

  void carryOutExtension(const GlslToken& at, Line rest) {
    static const std::set<std::string> kKnown = {"GL_OES_standard_derivatives", "GL_EXT_frag_depth",
                                                 "GL_EXT_shader_texture_lod", "GL_EXT_draw_buffers", "all"};
    if (rest.size() < 3 || !rest[0].isName() || !rest[1].is(":"))
      stage_.fail(at, "#extension needs a name, a colon and a behaviour");
    if (rest[2].is("require") && !kKnown.contains(rest[0].text))
      stage_.fail(rest[0], "the extension " + rest[0].text + " is not supported");
  }

  void carryOutDefine(const GlslToken& at, Line rest) {
    if (rest.empty() || !rest[0].isName()) stage_.fail(at, "#define needs a name");
    auto macro = std::make_unique<Macro>();
    size_t body = 1;
    if (rest.size() > 1 && rest[1].is("(") && rest[1].joined) {
      macro->isFunction = true;
      body = 2;
      while (body < rest.size() && !rest[body].is(")")) {
        if (!rest[body].isName())
          stage_.fail(rest[body], "the parameters of the macro " + rest[0].text + " must be names");
        macro->parameters.push_back(rest[body++].text);
        if (body < rest.size() && rest[body].is(",")) body++;
      }
      if (body == rest.size())
        stage_.fail(rest[0], "the parameters of the macro " + rest[0].text + " have no closing parenthesis");
      body++;
    }
    for (const GlslToken& token : rest.subspan(body))
      if (token.is("#") || token.is("##"))
        stage_.fail(token, "there is no " + token.text + " in the macros of GLSL ES");
    macro->body.assign(rest.begin() + static_cast<std::ptrdiff_t>(body), rest.end());
    macros_[rest[0].text] = std::move(macro);
  }

  void openGroup(const GlslToken& at, Line rest) {
    Group group{.at = at, .outer = active()};
    if (group.outer) {
      if (at.is("if")) {
        group.active = isTrue(at, rest);
      } else {
        if (rest.empty() || !rest[0].isName()) stage_.fail(at, "#" + at.text + " needs a name");
        group.active = isDefined(rest[0].text) == at.is("ifdef");
      }
    } else {
      group.active = false;
    }
    group.done = group.active;
    groups_.push_back(std::move(group));
  }
  void turnGroup(const GlslToken& at, Line rest) {
    if (groups_.empty()) stage_.fail(at, "this #" + at.text + " has no #if");
    Group& group = groups_.back();
    if (at.is("endif")) {
      groups_.pop_back();
      return;
    }
    if (group.atElse) stage_.fail(at, "this #" + at.text + " follows an #else");
    group.atElse = at.is("else");
    group.active = group.outer && !group.done && (group.atElse || isTrue(at, rest));
    group.done |= group.active;
  }
  bool isDefined(const std::string& name) const { return name == "__LINE__" || macros_.contains(name); }

  bool isTrue(const GlslToken& at, Line rest) {
    GlslTokens asked;
    for (size_t i = 0; i < rest.size(); i++) {
      if (!rest[i].is("defined")) {
        asked.push_back(rest[i]);
        continue;
      }
      const bool inParentheses = i + 3 < rest.size() && rest[i + 1].is("(") && rest[i + 3].is(")");
      const size_t name = i + (inParentheses ? 2 : 1);
      if (name >= rest.size() || !rest[name].isName()) stage_.fail(rest[i], "defined needs a name");
      GlslToken answer = rest[i];
      answer.kind = GlslToken::Kind::Number;
      answer.text = isDefined(rest[name].text) ? "1" : "0";
      asked.push_back(answer);
      i = name + (inParentheses ? 1 : 0);
    }
    GlslTokens expression;
    expand(asked, expression, 0);
    const std::optional<int64_t> value =
        constantOf(expression, [](const std::string&) { return std::optional<int64_t>(0); });
    if (!value) stage_.fail(at, "the condition of this #" + at.text + " is no constant expression");
    return *value != 0;
  }

  void count(const GlslToken& at, size_t tokens) {
    expanded_ += tokens;
    if (expanded_ > kMaxTokens) stage_.fail(at, "the macros expand to over " + std::to_string(kMaxTokens) + " tokens");
  }

  void expand(Line input, GlslTokens& out, int depth) {
    std::vector<Frame> frames;
    frames.push_back({GlslTokens(input.begin(), input.end()), 0, nullptr});
    while (leaveFinished(frames)) {
      GlslToken token = frames.back().tokens[frames.back().at++];
      Macro* macro = token.isName() && !token.painted ? macroOf(token) : nullptr;
      if (macro && macro->running) {
        token.painted = true;
        macro = nullptr;
      }
      if (!macro) {
        count(token, 1);
        out.push_back(std::move(token));
      } else if (!macro->isFunction) {
        enter(frames, *macro, token, macro->body);
      } else if (leaveFinished(frames) && frames.back().tokens[frames.back().at].is("(")) {
        frames.back().at++;
        const std::vector<GlslTokens> arguments = readArguments(frames, token, *macro, depth);
        enter(frames, *macro, token, filledIn(*macro, arguments));
      } else {
        out.push_back(std::move(token));
      }
    }
  }
  Macro* macroOf(GlslToken& token) {
    if (token.is("__LINE__")) {
      token.kind = GlslToken::Kind::Number;
      token.text = std::to_string(token.line);
      return nullptr;
    }
    const auto found = macros_.find(token.text);
    return found == macros_.end() ? nullptr : found->second.get();
  }
  // False at the end of everything.
  static bool leaveFinished(std::vector<Frame>& frames) {
    while (!frames.empty() && frames.back().at == frames.back().tokens.size()) {
      if (frames.back().macro) frames.back().macro->running--;
      frames.pop_back();
    }
    return !frames.empty();
  }
  void enter(std::vector<Frame>& frames, Macro& macro, const GlslToken& at, GlslTokens tokens) {
    count(at, tokens.size() + 1);
    for (GlslToken& token : tokens) {
      token.line = at.line;
      token.column = at.column;
    }
    macro.running++;
    frames.push_back({std::move(tokens), 0, &macro});
  }
  std::vector<GlslTokens> readArguments(std::vector<Frame>& frames, const GlslToken& at, const Macro& macro,
                                        int depth) {
    if (depth > kMaxNestedArguments)
      stage_.fail(at, "the arguments of macros are nested over " + std::to_string(kMaxNestedArguments) + " deep");
    std::vector<GlslTokens> raw(1);
    for (int open = 1;;) {
      if (!leaveFinished(frames))
        stage_.fail(at, "the arguments of the macro " + at.text + " have no closing parenthesis");
      const GlslToken& token = frames.back().tokens[frames.back().at++];
      open += token.is("(") - token.is(")");
      if (open == 0) break;
      if (token.is(",") && open == 1)
        raw.emplace_back();
      else
        raw.back().push_back(token);
    }
    if (macro.parameters.empty() && raw.size() == 1 && raw[0].empty()) raw.clear();
    if (raw.size() != macro.parameters.size())
      stage_.fail(at, "the macro " + at.text + " takes " + std::to_string(macro.parameters.size()) +
                          " arguments, not " + std::to_string(raw.size()));
    std::vector<GlslTokens> arguments(raw.size());
    for (size_t i = 0; i < raw.size(); i++) expand(raw[i], arguments[i], depth + 1);
    return arguments;
  }
  GlslTokens filledIn(const Macro& macro, const std::vector<GlslTokens>& arguments) {
    GlslTokens tokens;
    for (const GlslToken& token : macro.body) {
      const auto found = std::find(macro.parameters.begin(), macro.parameters.end(), token.text);
      if (found == macro.parameters.end()) {
        tokens.push_back(token);
      } else {
        const GlslTokens& argument = arguments[static_cast<size_t>(found - macro.parameters.begin())];
        count(token, argument.size());
        tokens.insert(tokens.end(), argument.begin(), argument.end());
      }
    }
    return tokens;
  }
};

}  // namespace

GlslTokens preprocessGlsl(const std::string& source, const GlslStage& stage, int version) {
  return Preprocessor(source, stage, version).run();
}

}  // namespace switchyard
