// The two libraries that tokenizers are compared with: the Rust original, and the JavaScript one.
'use strict';
const rust = require('@anush008/tokenizers');
const js = require('@huggingface/tokenizers');

/** Where each character begins, in UTF-16 units, and the end. */
function unitsOf(text) {
  const units = [0];
  let unit = 0;
  for (const char of text) units.push((unit += char.length));
  return units;
}

const made = new WeakMap();

/** The Rust original of a file, which is read once: vocabularies are large. */
function rustOf(file) {
  if (!made.has(file)) made.set(file, rust.Tokenizer.fromString(JSON.stringify(file)));
  return made.get(file);
}

/** What the Rust original makes of texts: per text its ids, type ids, and spans in UTF-16 units. */
async function rustEncode(file, texts, { pairs, addSpecial = true } = {}) {
  const tokenizer = rustOf(file);
  const all = [];
  for (let i = 0; i < texts.length; ++i) {
    const encoding = await tokenizer.encode(texts[i], pairs?.[i] ?? null, { addSpecialTokens: addSpecial });
    const sequences = encoding.getSequenceIds();
    const units = [texts[i], pairs?.[i] ?? ''].map((text) => unitsOf(text.toWellFormed()));
    all.push({
      ids: encoding.getIds(),
      typeIds: encoding.getTypeIds(),
      spans: encoding
        .getOffsets()
        .flatMap((span, token) => (sequences[token] === null ? [0, 0] : span.map((at) => units[sequences[token]][at]))),
    });
  }
  return all;
}

const jsTokenizer = (file) => new js.Tokenizer(file, {});

/** The same of the JavaScript library: ids alone. */
function jsEncode(file, texts, { addSpecial = true } = {}) {
  const tokenizer = jsTokenizer(file);
  return texts.map((text) => tokenizer.encode(text, { add_special_tokens: addSpecial }).ids);
}

/** Our own, text by text. */
async function ourEncode(tokenizer, texts, options = {}) {
  const { ids, typeIds, offsets, spans } = await tokenizer.encode(texts, { spans: true, ...options });
  return texts.map((_, i) => {
    const [begin, end] = [offsets[i], offsets[i + 1]];
    return {
      ids: [...ids.subarray(begin, end)],
      typeIds: [...typeIds.subarray(begin, end)],
      spans: spans ? [...spans.subarray(2 * begin, 2 * end)] : [],
    };
  });
}

module.exports = { rust, rustEncode, jsTokenizer, jsEncode, ourEncode };
