// Text to vectors for the licence example: words, passages, and hashed TF-IDF features.
'use strict';

const kDimensions = 1024;
const kPassageWords = { least: 6, most: 40 }; // content words a passage

// Words that say nothing about what a licence grants. Without them "modify, and/or distribute" reads "modify
// distribute".
const kStopWords = new Set(
  (
    'a an and any are as at be by for from has have if in is it its may no not of on or other such that the ' +
    'their there ' +
    'these this those to under upon was were which will with you your'
  ).split(' '),
);

function words(text) {
  return (text.toLowerCase().match(/[a-z0-9]+/g) ?? []).filter((word) => !kStopWords.has(word));
}

// A licence as short runs of whole sentences. A short question can only be like a short text: set against a whole
// licence it drowns in everything else that is said there.
function passages(text) {
  const found = [];
  let current = [];
  const close = () => {
    if (current.length) found.push(current);
    current = [];
  };
  for (const sentence of text.replace(/\r/g, '').split(/(?<=[.;:])\s+|\n\s*\n/)) {
    const more = words(sentence);
    if (current.length + more.length > kPassageWords.most) close();
    current.push(...more);
    for (; current.length > kPassageWords.most; current = current.slice(kPassageWords.most)) {
      found.push(current.slice(0, kPassageWords.most));
    }
    if (current.length >= kPassageWords.least) close();
  }
  close();
  return found;
}

// Words and pairs of neighbouring words, with how often each occurs.
function features(list) {
  const counts = new Map();
  const count = (feature) => counts.set(feature, (counts.get(feature) ?? 0) + 1);
  list.forEach((word, i) => {
    count(word);
    if (i + 1 < list.length) count(`${word} ${list[i + 1]}`);
  });
  return counts;
}

// FNV-1a, finished with MurmurHash3's mixer so that the low bits (the bucket) and the high bit (the sign) are
// independent.
function hash(text) {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

// Turns lists of words into rows of a matrix. Knows how rare each feature is among the documents it was made with.
class Vectorizer {
  #documents;
  #frequency = new Map();
  #slots = new Map();

  constructor(documents) {
    this.#documents = documents.length;
    for (const document of documents) {
      for (const feature of features(document).keys())
        this.#frequency.set(feature, (this.#frequency.get(feature) ?? 0) + 1);
    }
  }

  // Bucket, and signed inverse document frequency.
  #slot(feature) {
    let slot = this.#slots.get(feature);
    if (!slot) {
      const h = hash(feature);
      const idf = Math.log(1 + this.#documents / (1 + (this.#frequency.get(feature) ?? 0)));
      slot = { bucket: h % kDimensions, weight: h >>> 31 ? -idf : idf };
      this.#slots.set(feature, slot);
    }
    return slot;
  }

  // One row a list, not normalised: that is the device's work.
  rows(lists) {
    const data = new Float32Array(lists.length * kDimensions);
    lists.forEach((list, row) => {
      for (const [feature, count] of features(list)) {
        const { bucket, weight } = this.#slot(feature);
        data[row * kDimensions + bucket] += weight * (1 + Math.log(count));
      }
    });
    return { data, shape: [lists.length, kDimensions], dtype: 'float32' };
  }
}

module.exports = { words, passages, Vectorizer };
