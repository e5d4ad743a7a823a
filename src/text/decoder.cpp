// Each is a function from tokens to strings; a text is those, one after the other.
#include "text/decoder.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "text/byte_chars.h"

namespace switchyard::text {
namespace {

using Tokens = std::vector<std::string>;

class FunctionDecoder final : public Decoder {
 public:
  explicit FunctionDecoder(std::function<void(Tokens&)> fn) : fn_(std::move(fn)) {}
  void apply(Tokens& tokens) const override { fn_(tokens); }

 private:
  const std::function<void(Tokens&)> fn_;
};

DecoderPtr decoder(std::function<void(Tokens&)> fn) { return std::make_unique<FunctionDecoder>(std::move(fn)); }

void replaceAll(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// Spaces that English writes nowhere.
void cleanUp(std::string& text) {
  static constexpr std::pair<const char*, const char*> kReplaced[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kReplaced) replaceAll(text, from, to);
}

// The byte that a token like <0x0A> stands for; -1: it is none.
int byteOf(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = 0;
  for (char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

void decodeByteTokens(Tokens& tokens) {
  Tokens out;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (isValid(bytes))
      out.push_back(bytes);
    else
      out.insert(out.end(), bytes.size(), std::string(kReplacementBytes));
    bytes.clear();
  };
  for (std::string& token : tokens) {
    const int byte = byteOf(token);
    if (byte >= 0) {
      bytes.push_back(static_cast<char>(byte));
      continue;
    }
    flush();
    out.push_back(std::move(token));
  }
  flush();
  tokens = std::move(out);
}

}  // namespace

DecoderPtr wordPieceDecoder(std::string prefix, bool cleansUp) {
  return decoder([=](Tokens& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) {
        if (tokens[i].starts_with(prefix))
          tokens[i].erase(0, prefix.size());
        else
          tokens[i].insert(0, " ");
      }
      if (cleansUp) cleanUp(tokens[i]);
    }
  });
}

DecoderPtr byteLevelDecoder() {
  return decoder([](Tokens& tokens) {
    std::string bytes;
    for (const std::string& token : tokens) bytes += bytesOfChars(token).value_or(token);
    tokens.assign(1, repaired(bytes));
  });
}

DecoderPtr metaspaceDecoder(std::string replacement, bool wasPrepended) {
  return decoder([=](Tokens& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) replaceAll(tokens[i], replacement, i == 0 && wasPrepended ? "" : " ");
  });
}

DecoderPtr bpeDecoder(std::string suffix) {
  return decoder([=](Tokens& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) replaceAll(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ");
  });
}

DecoderPtr replaceDecoder(PatternPtr pattern, std::string content) {
  return decoder([pattern = std::shared_ptr<const Pattern>(std::move(pattern)), content](Tokens& tokens) {
    for (std::string& token : tokens) {
      std::string out;
      uint32_t at = 0;
      for (Range match{}; pattern->find(token, at, match); at = match.end) {
        out.append(token, at, match.begin - at);
        out += content;
      }
      token = out.append(token, at);
    }
  });
}

DecoderPtr stripDecoder(std::string content, uint64_t left, uint64_t right) {
  return decoder([=](Tokens& tokens) {
    for (std::string& token : tokens) {
      size_t begin = 0, end = token.size();
      for (uint64_t i = 0; i < left && std::string_view(token).substr(begin).starts_with(content); ++i)
        begin += content.size();
      for (uint64_t i = 0;
           i < right && end >= begin + content.size() && std::string_view(token).substr(0, end).ends_with(content); ++i)
        end -= content.size();
      token = token.substr(begin, end - begin);
    }
  });
}

DecoderPtr byteFallbackDecoder() { return decoder(decodeByteTokens); }

DecoderPtr fuseDecoder() {
  return decoder([](Tokens& tokens) {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens.assign(1, all);
  });
}

DecoderPtr decoderSequence(std::vector<DecoderPtr> all) {
  return decoder([all = std::make_shared<std::vector<DecoderPtr>>(std::move(all))](Tokens& tokens) {
    for (const DecoderPtr& each : *all) each->apply(tokens);
  });
}

}  // namespace switchyard::text
