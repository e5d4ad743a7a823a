#include "program/glsl/glsl_tokens.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "error.h"

namespace switchyard {
namespace {

constexpr int kMaxDepth = 64;  // of parentheses in a constant expression
// Longest first.
constexpr const char* kOperators[] = {"<<=", ">>=", "##", "++", "--", "<=", ">=", "==", "!=", "&&", "||",
                                      "^^",  "+=",  "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>"};

bool isNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

// Characters with their places; joins continued lines.
class Reader {
 public:
  explicit Reader(const std::string& source) : source_(source) { joinLines(); }
  bool atEnd() const { return at_ >= source_.size(); }
  char now() const { return atEnd() ? '\0' : source_[at_]; }
  char next() const {
    Reader other = *this;
    other.step();
    return other.now();
  }
  void step() {
    advance();
    joinLines();
  }
  uint32_t line = 1, column = 1;

 private:
  const std::string& source_;
  size_t at_ = 0;
  void advance() {
    if (atEnd()) return;
    const bool newLine =
        source_[at_] == '\n' || (source_[at_] == '\r' && (at_ + 1 == source_.size() || source_[at_ + 1] != '\n'));
    at_++;
    line += newLine;
    column = newLine ? 1 : column + 1;
  }
  void joinLines() {
    while (!atEnd() && source_[at_] == '\\') {
      const size_t after = at_ + 1;
      if (after < source_.size() && source_[after] == '\n') {
        advance();
        advance();
      } else if (after + 1 < source_.size() && source_[after] == '\r' && source_[after + 1] == '\n') {
        advance();
        advance();
        advance();
      } else {
        return;
      }
    }
  }
};

class Lexer {
 public:
  explicit Lexer(const std::string& source) : in_(source) {}
  GlslTokens run() {
    GlslTokens tokens;
    bool first = true;
    for (;;) {
      const bool joined = !skipBlank(first);
      if (in_.atEnd()) return tokens;
      GlslToken token;
      token.firstOnLine = first;
      token.joined = joined && !first;
      token.line = in_.line;
      token.column = in_.column;
      read(token);
      tokens.push_back(std::move(token));
      first = false;
    }
  }

 private:
  Reader in_;
  // True when there was something to skip; `newLine` is set when a line ended.
  bool skipBlank(bool& newLine) {
    bool skipped = false;
    for (; !in_.atEnd(); skipped = true) {
      const char c = in_.now();
      if (c == '\n' || c == '\r') {
        newLine = true;
        in_.step();
      } else if (c == ' ' || c == '\t' || c == '\v' || c == '\f') {
        in_.step();
      } else if (c == '/' && in_.next() == '/') {
        while (!in_.atEnd() && in_.now() != '\n' && in_.now() != '\r') in_.step();
      } else if (c == '/' && in_.next() == '*') {
        skipComment();
      } else {
        return skipped;
      }
    }
    return skipped;
  }
  void skipComment() {
    in_.step();
    in_.step();
    while (!in_.atEnd() && !(in_.now() == '*' && in_.next() == '/')) in_.step();
    in_.step();
    in_.step();
  }
  void take(GlslToken& token) {
    token.text += in_.now();
    in_.step();
  }
  void read(GlslToken& token) {
    const char c = in_.now();
    if (isNameStart(c)) {
      token.kind = GlslToken::Kind::Name;
      while (isNameStart(in_.now()) || isDigit(in_.now())) take(token);
    } else if (isDigit(c) || (c == '.' && isDigit(in_.next()))) {
      readNumber(token);
    } else if (c != '\0' && std::strchr("+-*/%<>=!&|^~?:;,.()[]{}#", c)) {
      readOperator(token);
    } else {
      take(token);
    }
  }
  void readNumber(GlslToken& token) {
    token.kind = GlslToken::Kind::Number;
    const bool hex = in_.now() == '0' && (in_.next() == 'x' || in_.next() == 'X');
    while (isDigit(in_.now()) || isNameStart(in_.now()) || in_.now() == '.') {
      const bool exponent = !hex && (in_.now() == 'e' || in_.now() == 'E');
      take(token);
      if (exponent && (in_.now() == '+' || in_.now() == '-')) take(token);
    }
  }
  void readOperator(GlslToken& token) {
    token.kind = GlslToken::Kind::Operator;
    Reader ahead = in_;
    std::string three;
    for (int i = 0; i < 3 && !ahead.atEnd(); i++, ahead.step()) three += ahead.now();
    for (const char* one : kOperators) {
      if (three.compare(0, std::strlen(one), one) != 0) continue;
      for (size_t i = 0; i < std::strlen(one); i++) take(token);
      return;
    }
    take(token);
  }
};

// Recursive descent by precedence. `live` is false where && or || has already decided: there, a division by zero does
// not matter.
class Evaluator {
 public:
  Evaluator(std::span<const GlslToken> tokens, const NameValue& valueOf) : tokens_(tokens), valueOf_(valueOf) {}
  std::optional<int64_t> run() {
    const int64_t value = conditional(true);
    if (failed_ || at_ != tokens_.size()) return std::nullopt;
    return value;
  }

 private:
  const std::span<const GlslToken> tokens_;
  const NameValue& valueOf_;
  size_t at_ = 0;
  int depth_ = 0;
  bool failed_ = false;

  bool accept(const char* text) {
    if (at_ >= tokens_.size() || !tokens_[at_].is(text)) return false;
    at_++;
    return true;
  }
  int64_t fail() {
    failed_ = true;
    at_ = tokens_.size();
    return 0;
  }
  static int levelOf(const std::string& op) {
    static const std::map<std::string, int> kLevels = {
        {"||", 1}, {"^^", 2}, {"&&", 3}, {"|", 4},  {"^", 5},  {"&", 6},  {"==", 7}, {"!=", 7}, {"<", 8}, {">", 8},
        {"<=", 8}, {">=", 8}, {"<<", 9}, {">>", 9}, {"+", 10}, {"-", 10}, {"*", 11}, {"/", 11}, {"%", 11}};
    const auto found = kLevels.find(op);
    return found == kLevels.end() ? 0 : found->second;
  }
  int64_t conditional(bool live) {
    if (++depth_ > kMaxDepth) return fail();
    const int64_t test = binary(1, live);
    int64_t value = test;
    if (accept("?")) {
      const int64_t yes = conditional(live && test);
      if (!accept(":")) return fail();
      const int64_t no = conditional(live && !test);
      value = test ? yes : no;
    }
    depth_--;
    return value;
  }
  int64_t binary(int level, bool live) {
    int64_t left = unary(live);
    while (!failed_ && at_ < tokens_.size()) {
      const std::string op = tokens_[at_].text;
      const int own = levelOf(op);
      if (own < level) break;
      at_++;
      const bool decided = (op == "&&" && !left) || (op == "||" && left);
      if (++depth_ > kMaxDepth) return fail();
      const int64_t right = binary(own + 1, live && !decided);
      depth_--;
      left = apply(op, left, right, live);
    }
    return left;
  }
  int64_t apply(const std::string& op, int64_t a, int64_t b, bool live) {
    const auto wrap = [](uint64_t value) { return static_cast<int64_t>(value); };
    const uint64_t ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
    if (op == "/" || op == "%") {
      if (b == 0) return live ? fail() : 0;
      if (b == -1) return op == "/" ? wrap(0 - ua) : 0;
      return op == "/" ? a / b : a % b;
    }
    if (op == "+") return wrap(ua + ub);
    if (op == "-") return wrap(ua - ub);
    if (op == "*") return wrap(ua * ub);
    if (op == "<<") return wrap(ua << (ub & 63));
    if (op == ">>") return a >> (ub & 63);
    if (op == "&") return a & b;
    if (op == "|") return a | b;
    if (op == "^") return a ^ b;
    if (op == "&&") return a && b;
    if (op == "||") return a || b;
    if (op == "^^") return !a != !b;
    if (op == "==") return a == b;
    if (op == "!=") return a != b;
    if (op == "<") return a < b;
    if (op == ">") return a > b;
    if (op == "<=") return a <= b;
    return a >= b;
  }
  int64_t unary(bool live) {
    if (++depth_ > kMaxDepth) return fail();
    const int64_t value = operand(live);
    depth_--;
    return value;
  }
  int64_t operand(bool live) {
    if (at_ >= tokens_.size()) return fail();
    if (accept("-")) return static_cast<int64_t>(0 - static_cast<uint64_t>(unary(live)));
    if (accept("+")) return unary(live);
    if (accept("~")) return ~unary(live);
    if (accept("!")) return !unary(live);
    if (accept("(")) {
      const int64_t value = conditional(live);
      return accept(")") ? value : fail();
    }
    const GlslToken& token = tokens_[at_++];
    if (token.kind == GlslToken::Kind::Number) return number(token.text);
    if (!token.isName()) return fail();
    if ((token.is("int") || token.is("uint")) && accept("(")) {
      const int64_t value = conditional(live);
      return accept(")") ? value : fail();
    }
    const std::optional<int64_t> value = valueOf_ ? valueOf_(token.text) : std::nullopt;
    return value ? *value : fail();
  }
  int64_t number(std::string text) {
    if (!text.empty() && (text.back() == 'u' || text.back() == 'U')) text.pop_back();
    int base = 10;
    size_t from = 0;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
      base = 16;
      from = 2;
    } else if (text.size() > 1 && text[0] == '0') {
      base = 8;
    }
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data() + from, text.data() + text.size(), value, base);
    return error == std::errc{} && end == text.data() + text.size() ? value : fail();
  }
};

}  // namespace

GlslTokens glslTokens(const std::string& source) { return Lexer(source).run(); }

std::optional<int64_t> constantOf(std::span<const GlslToken> tokens, const NameValue& valueOf) {
  return Evaluator(tokens, valueOf).run();
}

void GlslStage::fail(uint32_t line, uint32_t column, const std::string& problem) const {
  throw Error(Code::Compile, std::string(name) + ", line " + std::to_string(line) + ": " + problem,
              {.log = std::string(name) + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + problem,
               .line = line,
               .column = column});
}

void GlslStage::fail(const GlslToken& at, const std::string& problem) const { fail(at.line, at.column, problem); }

}  // namespace switchyard
