// Tokenizers as C++ has them: small files whose ids can be told by hand, threads, and files that are wrong.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
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
  // What is left out counts in spans, which it doesn't in the original.
  const Encoded between = encodeAll(*tokenizer, {"xaxb"}, {.spans = true});
  EXPECT_EQ(between.ids, (Ids{2}));
  EXPECT_EQ(between.spans, (Ids{1, 4}));
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

template <class Fn>
void expectRefused(Fn read, Code code, const std::string& says) {
  try {
    read();
    ADD_FAILURE() << "taken, but to be refused: " << says;
  } catch (const Error& error) {
    EXPECT_EQ(error.code, code) << error.what();
    EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    EXPECT_LT(std::string(error.what()).size(), 500u);
  }
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
      {R"({"added_tokens": [{"id": 2, "content": "a"}],
           "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 2}}})",
       Code::InvalidArgument, "no token has the id 1"},
      {R"({"model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 16777214}}})", Code::InvalidArgument,
       "'a' the id 16777214, but with added ones there are 2 tokens"},
      {R"({"model": {"type": "WordPiece", "vocab": {"[UNK]": 1e999}}})", Code::InvalidArgument,
       "tokenizer.json has JSON that can't be read"},
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
      {R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAABh8A=="},
           "model": {"type": "Unigram", "vocab": []}})",
       Code::InvalidArgument, "not UTF-8"},
      {R"({"decoder": {"type": "Strip", "content": "", "start": 9223372036854775807},
           "model": {"type": "Unigram", "vocab": []}})",
       Code::InvalidArgument, "'decoder.content' is string, but must be one character"},
      {R"({"pre_tokenizer": {"type": "CharDelimiterSplit", "delimiter": "ab"},
           "model": {"type": "Unigram", "vocab": []}})",
       Code::InvalidArgument, "'pre_tokenizer.delimiter'"},
      {R"({"post_processor": {"type": "BertProcessing", "cls": ["c", 999999], "sep": ["a", 0]},
           "model": {"type": "Unigram", "vocab": [["a", 0]]}})",
       Code::InvalidArgument, "'post_processor' adds the id 999999"},
      {R"({"post_processor": {"type": "TemplateProcessing", "special_tokens": {},
             "single": [{"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}]},
           "model": {"type": "Unigram", "vocab": [["a", 0]]}})",
       Code::Unsupported, "'post_processor.pair' has A 1 times and B 0 times"},
      {R"({"post_processor": {"type": "TemplateProcessing", "special_tokens": {}, "pair": [],
             "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 1}}]},
           "model": {"type": "Unigram", "vocab": [["a", 0]]}})",
       Code::Unsupported, "'post_processor.single' has A 2 times"},
  };
  for (const Refusal& each : all) expectRefused([&] { readTokenizer(each.file); }, each.code, each.says);
}

// Values within values, as many as a stack has no room for.
std::string nested(size_t depth, const std::string& open = "[", const std::string& close = "]",
                   const std::string& inner = "") {
  std::string text;
  for (size_t i = 0; i < depth; ++i) text += open;
  text += inner;
  for (size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(TokenizerTest, RefusesDepth) {
  const std::string deep = nested(100'000);
  for (const std::string& file : {
           R"({"model": {"type": "Unigram", "vocab": [)" + deep + "]}}",
           R"({"model": {"type": "WordPiece", "vocab": {"a": )" + deep + "}}}",
           R"({"model": {"type": "BPE", "vocab": {}, "merges": [)" + deep + "]}}",
           R"({"model": {"type": "BPE", "dropout": )" + deep + R"(, "vocab": {}, "merges": []}})",
           R"({"normalizer": )" +
               nested(1'000, R"({"type": "Sequence", "normalizers": [)", "]}", R"({"type": "NFC"})") +
               R"(, "model": {"type": "Unigram", "vocab": []}})",
       })
    expectRefused([&] { readTokenizer(file); }, Code::InvalidArgument, "more than 64 deep");
  const std::string some = nested(50);
  expectRefused([&] { readTokenizer(R"({"model": {"type": "Unigram", "vocab": [)" + some + "]}}"); },
                Code::InvalidArgument, "has an array as entry 0");
}

class TokenizerFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "switchyard-tokenizer-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string at(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(at(name)) << text; }
  // With another file beside it, which goes again.
  void expectRefusedWith(const std::string& name, const std::string& text, const std::string& says,
                         Code code = Code::Unsupported) const {
    write(name, text);
    expectRefused([&] { readTokenizerFolder(folder_); }, code, says);
    std::filesystem::remove(at(name));
  }
  void expectTakenWith(const std::string& name, const std::string& text) const {
    write(name, text);
    EXPECT_NO_THROW(readTokenizerFolder(folder_)) << text;
    std::filesystem::remove(at(name));
  }
  std::string folder_;
};

const char* const kVocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n";

TEST_F(TokenizerFolder, RefusesWhatIsNoFileAndWaitsForNone) {
  write("vocab.txt", kVocabulary);
  EXPECT_EQ(encodeAll(*readTokenizerFolder(folder_), {"ab"}).ids, (Ids{2, 5, 6, 3}));
  std::filesystem::create_symlink("tokenizer.json", at("tokenizer.json"));
  expectRefused([&] { readTokenizerFolder(folder_); }, Code::InvalidArgument, "can't be opened");
  std::filesystem::remove(at("tokenizer.json"));
  ASSERT_EQ(::mkfifo(at("tokenizer.json").c_str(), 0600), 0);
  expectRefused([&] { readTokenizerFolder(folder_); }, Code::InvalidArgument, "is no regular file");
  std::filesystem::remove(at("tokenizer.json"));
  std::filesystem::create_symlink("/dev/zero", at("tokenizer.json"));
  expectRefused([&] { readTokenizerFolder(folder_); }, Code::InvalidArgument, "is no regular file");
  std::filesystem::remove(at("tokenizer.json"));
  write("tokenizer.json", "{}");
  std::filesystem::resize_file(at("tokenizer.json"), (uint64_t{1} << 30) + 1);
  expectRefused([&] { readTokenizerFolder(folder_); }, Code::InvalidArgument, "at most 1073741824 are taken");
}

TEST_F(TokenizerFolder, RefusesWhatLiesBesideAVocabularyAndChangesIt) {
  write("vocab.txt", kVocabulary);
  const char* const kFile = "tokenizer_config.json";
  expectRefusedWith(kFile, R"({"strip_accents": )" + nested(100'000) + "}", "more than 64 deep", Code::InvalidArgument);
  expectRefusedWith(kFile, R"({"strip_accents": []})", "'strip_accents' is array, but must be true or false",
                    Code::InvalidArgument);
  expectRefusedWith(kFile, R"({"do_basic_tokenize": false})", "'do_basic_tokenize' of tokenizer_config.json is false");
  expectRefusedWith(kFile, R"({"never_split": ["x"]})", "'never_split'");
  expectRefusedWith(kFile, R"({"additional_special_tokens": ["[E1]"]})", "'additional_special_tokens'");
  expectRefusedWith(kFile, R"({"mask_token": "<mask>"})", "'mask_token' of tokenizer_config.json names '<mask>'");
  expectRefusedWith(kFile, R"({"added_tokens_decoder": {"3": {"content": "[CLS]"}}})", "has '[CLS]', which");
  expectRefusedWith(kFile, R"({"added_tokens_decoder": {"x": {"content": "[E1]"}}})", "'added_tokens_decoder.x'");
  expectRefusedWith("added_tokens.json", R"({"[E1]": 7})", "'[E1]' of added_tokens.json has the id 7");
  expectRefusedWith("added_tokens.json", R"({"[CLS]": 7})", "has the id 7");
  expectRefusedWith("special_tokens_map.json", R"({"additional_special_tokens": ["[E1]"]})", "names '[E1]'");
  expectTakenWith(kFile, R"({"do_basic_tokenize": true, "never_split": null, "additional_special_tokens": [],
    "strip_accents": null, "bos_token": null, "mask_token": {"content": "[MASK]", "lstrip": false},
    "added_tokens_decoder": {"2": {"content": "[CLS]", "lstrip": false, "normalized": false, "rstrip": false,
                                   "single_word": false, "special": true}}})");
  expectTakenWith("special_tokens_map.json", R"({"cls_token": "[CLS]", "unk_token": {"content": "[UNK]"}})");
  expectTakenWith("added_tokens.json", "{}");
}

TEST_F(TokenizerFolder, AddsTheTokensThatAreNamedBesideIt) {
  write("vocab.txt", kVocabulary);
  EXPECT_EQ(encodeAll(*readTokenizerFolder(folder_), {"ab[E1]b"}).ids, (Ids{2, 5, 6, 1, 1, 1, 1, 3}));
  write("tokenizer_config.json",
        R"({"added_tokens_decoder": {"7": {"content": "[E1]"},
                                     "4": {"content": "[MASK]", "lstrip": true, "special": true}}})");
  write("special_tokens_map.json", R"({"additional_special_tokens": ["b", {"content": "a", "single_word": true}]})");
  write("vocab.txt", std::string(kVocabulary) + "b\n");
  expectRefused([&] { readTokenizerFolder(folder_); }, Code::Unsupported, "[E1]");  // its id is that of 'b'
  write("vocab.txt", kVocabulary);
  expectRefused([&] { readTokenizerFolder(folder_); }, Code::Unsupported, "names 'b'");
  write("special_tokens_map.json", R"({"additional_special_tokens": [{"content": "a", "single_word": true}]})");
  const auto tokenizer = readTokenizerFolder(folder_);
  EXPECT_EQ(encodeAll(*tokenizer, {"ab[E1]a [MASK]"}).ids, (Ids{2, 5, 6, 7, 5, 4, 3}));
  EXPECT_EQ(tokenizer->decode({2, 5, 6, 7, 5, 4, 3}, true), "##b [E1]");
}

TEST_F(TokenizerFolder, RefusesWhatDisagreesWithTokenizerJson) {
  write("tokenizer.json", kWordPiece);
  const char* const kFile = "tokenizer_config.json";
  expectRefusedWith(kFile, R"({"do_lower_case": false})",
                    "'do_lower_case' of tokenizer_config.json is false, but 'normalizer.lowercase'");
  expectRefusedWith(kFile, R"({"strip_accents": false})", "'strip_accents'");
  expectRefusedWith(kFile, R"({"tokenize_chinese_chars": false})", "'tokenize_chinese_chars'");
  expectRefusedWith(kFile, R"({"cls_token": "<s>"})", "'cls_token'");
  expectTakenWith(kFile, R"({"do_lower_case": true, "strip_accents": true, "tokenize_chinese_chars": true})");
  expectTakenWith(kFile, R"({"do_lower_case": false, "tokenizer_class": "PreTrainedTokenizerFast"})");
  const std::string roberta = R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})";
  write("tokenizer.json", roberta);
  expectRefusedWith(kFile, R"({"add_prefix_space": true})", "'add_prefix_space'");
  expectTakenWith(kFile, R"({"add_prefix_space": false})");
}

TEST_F(TokenizerFolder, TruncatesAsTransformersCallsIt) {
  std::string file = kWordPiece;
  file.replace(0, 1,
               R"({"truncation": {"max_length": 4, "direction": "Right", "strategy": "OnlyFirst", "stride": 0},)");
  write("tokenizer.json", file);
  EXPECT_EQ(encodeAll(*readTokenizerFolder(folder_), {"un aff !"}).ids, (Ids{1, 3, 6, 2}));
  write("tokenizer_config.json", R"({"truncation_side": "left"})");
  const auto tokenizer = readTokenizerFolder(folder_);
  EXPECT_EQ(encodeAll(*tokenizer, {"un aff !"}).ids, (Ids{1, 6, 7, 2}));
  Encoded out;
  Tokenizer::Encoder(*tokenizer).encode("un", "aff ! !", {.maxLength = 5}, 0, out);  // OnlyFirst could not
  EXPECT_EQ(out.ids, (Ids{1, 3, 2, 7, 2}));
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
