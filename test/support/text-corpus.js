// Texts that tokenizers disagree about where one of them is wrong: scripts, marks, controls, and nothing at all.
'use strict';

const kTexts = [
  '',
  ' ',
  '   ',
  '\n',
  '\t \r\n',
  'a',
  'Hello, world!',
  "I'm sure they'll say it's what we've DON'T'd; he'd re-do 'em. 'S 'LL",
  'The quick brown fox jumps over the lazy dog.',
  'x'.repeat(99),
  'x'.repeat(100),
  'x'.repeat(101),
  'supercalifragilisticexpialidocious antidisestablishmentarianism',
  'unbelievable'.repeat(40),
  'ab'.repeat(3000),
  '1234567890 3.14159 1,000,000 0x1F 10% $5.00 €20 ½ ² Ⅷ ①',
  'Un café très cher à Zürich, naïve façade, Ångström, São Paulo, Dvořák',
  'cafe\u0301 nai\u0308ve A\u030angstro\u0308m o\u0323\u0302 o\u0302\u0323 \u0301 a\u0301\u0323\u0302b',
  'STRASSE straße ẞ İstanbul ıI ΣΊΣΥΦΟΣ Σίσυφος ΌΣΟΣ',
  'Привет, мир! Ёлка и йод. Україна',
  'Ελληνικά: ἀρχὴ ᾄδω ΰ',
  'שלום עולם שָׁלוֹם',
  'مرحبا بالعالم مَرْحَبًا ‏RTL‎ ﷺ ﻻ',
  'नमस्ते दुनिया क्षत्रिय',
  'ไทยไม่มีช่องว่าง ภาษาไทย กำ',
  '한국어 토크나이저 \u1112\u1161\u11ab\u1100\u1173\u11af 각',
  '日本語のテキスト、カタカナ ガギグ か\u3099 ﾊﾝｶｸ',
  '中文分词测试，繁體中文。𠀀𪚥 丽 㐀',
  'ℌ ﬁ ﬂ ﬀ Ⅻ ㎏ ㍿ ｆｕｌｌ ＷＩＤＴＨ ￥ ～',
  '👍 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ❤️ 1️⃣ e\u20e3',
  'zero\u200bwidth non\u200cjoiner join\u200der no\u00a0break soft\u00adhyphen \ufeffbom \u2060',
  'a\u0000b\u0001c\u001fd\u007fe\u0085f\u009fg\ufffdh\ue000i\u{10ffff}j',
  'line\u2028separator\u2029paragraph\u3000ideographic\u1680ogham\u2003em',
  'lone \ud800 surrogate \udc00 and \udbff\udfff pair \ud83d',
  'snake_case camelCase kebab-case path/to/file.txt user@example.com https://example.com/?q=1&r=a%20b#top',
  'if (x <= 10) { return y[i]++ || z->w; } // done',
  '--- *** ___ === ... ??? !!! ,,, ;;; ::: """ \'\'\' ``` ~~~ ^^^ |||',
  '«guillemets» “quotes” ‘single’ — dash – en … ellipsis • bullet ¿qué? ¡sí!',
  '   leading and trailing   ',
  'many     spaces\n\n\nand\tlines\r\nhere \n \n x',
  '[CLS] special [SEP] tokens[MASK]inside [PAD] [UNK] [MASK',
  '<s>hello</s> <mask> a<mask>b <mask>  c <|endoftext|> x<|endoftext|>y <unk> <pad>',
  '▁already▁marked ▁ ▁▁ _',
  'ĠGPT Ċ characters Ā',
  'é'.repeat(300),
  '中'.repeat(300),
  'क्'.repeat(100),
  '👨‍👩‍👧‍👦'.repeat(50),
  'A\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b\u030c\u030d\u030e\u030f',
  'ꙮ ༄ ᚠᛇᚻ ⠓⠑⠇⠇⠕ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𓀀 𐍈 🜁',
  '∑∏∫√∞≈≠≤≥ ±×÷ °C µm αβγ',
  'a word, words sword word word.word <mask>  <mask> <right>   x <a><b><a> élan Élan ÉLANs E\u0301LAN x y  X Y  xy',
  "ſ ’s ’ſ 'ſ 'S 'K",
];

/** Clauses of licences: what benchmarks read. @returns {string[]} */
function licenceTexts() {
  const licences = require('spdx-license-list/full');
  return Object.values(licences).map(({ licenseText }) => licenseText);
}

module.exports = { kTexts, licenceTexts };
