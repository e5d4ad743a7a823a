// Tokenizers as C++ has them: small files whose ids can be told by hand, threads, and files that are wrong.
#include <gtest/gtest.h>

#include <thread>

#include "error.h"
#include "text/tokenizer_file.h"

namespace switchyard::text {
namespace {

using Ids = std::vector<int32_t>;

Encoded encodeAll(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                  const EncodeOptions& options = {}) {
  Encoded out;
  Tokenizer::Encoder encoder(tokenizer);
  for (size_t i = 0; i < texts.size(); ++i) encoder.encode(texts[i], std::nullopt, options, i, out);
  return out;
}

const char* const kWordPiece = R"({"added_tokens": [{"id": 1, "content": "[CLS]", "special": true},
    {"id": 2, "content": "[SEP]", "special": true}],
  "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
  "decoder": {"type": "WordPiece"},
  "model": {"type": "WordPiece", "unk_token": "[UNK]",
    "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##able": 4, "##aff": 5, "aff": 6, "!": 7, "cafe": 8}}})";

TEST(TokenizerTest, WordPieceTakesTheLongest) {
  const auto tokenizer = readTokenizer(kWordPiece);
  const Encoded out = encodeAll(*tokenizer, {"Unaffable!", "xyz aff", "CAF\xc3\x89", ""}, {.spans = true});
  EXPECT_EQ(out.ids, (Ids{1, 3, 5, 4, 7, 2, 1, 0, 6, 2, 1, 8, 2, 1, 2}));
  EXPECT_EQ(out.lengths, (Ids{6, 4, 3, 2}));
  EXPECT_EQ(out.spans,
            (Ids{0, 0, 0, 2, 2, 5, 5, 9, 9, 10, 0, 0, 0, 0, 0, 3, 4, 7, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(tokenizer->decode({1, 3, 5, 4, 7, 2}, true), "unaffable!");
}

TEST(TokenizerTest, PairsAreTruncatedFromTheLonger) {
  const auto tokenizer = readTokenizer(kWordPiece);
  Encoded out;
  Tokenizer::Encoder encoder(*tokenizer);
  encoder.encode("aff", "aff ! ! ! un", {.maxLength = 7}, 0, out);
  EXPECT_EQ(out.ids, (Ids{1, 6, 2, 6, 7, 7, 2}));
  EXPECT_EQ(out.typeIds, (Ids{0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(out.truncated, (std::vector<uint8_t>{1}));
}

TEST(TokenizerTest, MergesGoByRankAndFromTheLeft) {
  const char* const file =
      R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "aa": 3, "aab": 4, "abab": 5},
    "merges": ["a b", "a a", ["a", "ab"], "ab ab"]}})";
  const auto tokenizer = readTokenizer(file);
  EXPECT_EQ(encodeAll(*tokenizer, {"aab"}).ids, (Ids{4}));
  EXPECT_EQ(encodeAll(*tokenizer, {"aaa"}).ids, (Ids{3, 0}));
  // Few symbols are merged in another way than many: both give the same.
  for (int count : {1, 2, 11, 12, 13, 40, 5000}) {
    std::string text;
    Ids expected(static_cast<size_t>(count / 2), 5);
    for (int i = 0; i < count; ++i) text += "ab";
    if (count % 2) expected.push_back(2);
    EXPECT_EQ(encodeAll(*tokenizer, {text}).ids, expected) << count;
  }
}

TEST(TokenizerTest, UnigramTakesTheBestSum) {
  const char* const file = R"({"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", 0], ["b", 0],
    ["c", 0], ["d", 0], ["cd", 1], ["ab", 2], ["abc", 5], ["abcd", 10]]}})";
  const auto tokenizer = readTokenizer(file);
  EXPECT_EQ(encodeAll(*tokenizer, {"abcdacdxx"}).ids, (Ids{8, 1, 5, 0}));
  EXPECT_EQ(encodeAll(*tokenizer, {"\xe4\xb8\xad\xe4\xb8\xad"}).ids, (Ids{0}));
}

TEST(TokenizerTest, ThreadsShareOne) {
  const auto tokenizer = readTokenizer(kWordPiece);
  const std::vector<std::string> texts(200, "unaffable aff! cafe xyz un aff");
  const Ids expected = encodeAll(*tokenizer, texts).ids;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) EXPECT_EQ(encodeAll(*tokenizer, texts).ids, expected);
    });
  for (auto& thread : threads) thread.join();
}

struct Refusal {
  const char* file;
  Code code;
  const char* says;
};

TEST(TokenizerTest, RefusesByName) {
  const Refusal all[] = {
      {"{", Code::InvalidArgument, "is not JSON, or cut off"},
      {"[]", Code::InvalidArgument, "must be an object"},
      {R"({"model": {"type": "WordLevel"}})", Code::Unsupported, "'model' is of the type 'WordLevel'"},
      {R"({"modle": {}})", Code::Unsupported, "'modle' is not known"},
      {R"({"model": {"type": "WordPiece", "vocab": {"a": 0}}})", Code::InvalidArgument, "lacks '[UNK]'"},
      {R"({"model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "[UNK]": 1}}})", Code::InvalidArgument,
       "'[UNK]' twice"},
      {R"({"model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 0}}})", Code::InvalidArgument, "the id 0 twice"},
      {R"({"model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": -1}}})", Code::InvalidArgument, "the id -1"},
      {R"({"model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 99999999999}}})", Code::InvalidArgument,
       "the id 99999999999"},
      {R"({"model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 2}}})", Code::InvalidArgument,
       "no token has the id 1"},
      {R"({"model": {"type": "BPE", "dropout": 0.1, "vocab": {}, "merges": []}})", Code::Unsupported, "dropout"},
      {R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}})", Code::InvalidArgument,
       "needs the token 'b'"},
      {R"({"model": {"type": "Unigram", "unk_id": 5, "vocab": [["a", 0]]}})", Code::InvalidArgument, "'unk_id' is 5"},
      {R"({"model": {"type": "Unigram", "vocab": [["a"]]}})", Code::InvalidArgument, "entry 0"},
      {R"({"normalizer": {"type": "Magic"}, "model": {"type": "Unigram", "vocab": []}})", Code::Unsupported, "'Magic'"},
      {R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "x*"}, "behavior": "Isolated"},
           "model": {"type": "Unigram", "vocab": []}})",
       Code::Unsupported, "'x*'"},
      {R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"},
           "model": {"type": "Unigram", "vocab": []}})",
       Code::InvalidArgument, "cut off"},
  };
  for (const Refusal& each : all) {
    try {
      readTokenizer(each.file);
      ADD_FAILURE() << "taken: " << each.file;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, each.code) << error.what();
      EXPECT_NE(std::string(error.what()).find(each.says), std::string::npos) << error.what();
    }
  }
}

TEST(Utf8Test, RepairsAsRustDoes) {
  EXPECT_EQ(repaired("a\xff"
                     "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(repaired("\xe4\xb8"), "\xef\xbf\xbd");                              // cut off: one
  EXPECT_EQ(repaired("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate: one for each byte
  EXPECT_EQ(repaired("\xf0\x9f\x91x"), "\xef\xbf\xbdx");
  EXPECT_EQ(repaired("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(repaired("\xf0\x9f\x91\x8d"), "\xf0\x9f\x91\x8d");
  EXPECT_TRUE(isValid("plain, \xc3\xa9"));
  EXPECT_FALSE(isValid("plain, \xc3"));
}

TEST(TrieTest, FindsLongest) {
  Trie trie;
  EXPECT_TRUE(trie.add("a", 1));
  EXPECT_TRUE(trie.add("abc", 2));
  EXPECT_FALSE(trie.add("abc", 3));
  EXPECT_FALSE(trie.add("", 4));
  int32_t value = 0;
  EXPECT_EQ(trie.longest("abd", value), 1u);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(trie.longest("abcd", value), 3u);
  EXPECT_EQ(value, 2);
  EXPECT_EQ(trie.longest("x", value), 0u);
  EXPECT_EQ(trie.find("ab"), Trie::kNone);
  for (int i = 0; i < 20000; ++i) EXPECT_TRUE(trie.add("key" + std::to_string(i), i));
  for (int i = 0; i < 20000; ++i) EXPECT_EQ(trie.find("key" + std::to_string(i)), i);
}

}  // namespace
}  // namespace switchyard::text
