// A memory as a process has it, on a fake disk, with the models and texts that its tests share.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../..');
const { makeMemory } = require('../../lib/memory/documents/create-memory');
const { makeDisk, FakeIndex, FakeStore } = require('./memory-fakes');
const { makeModel, writeModel, temporaryFolder } = require('./text/models');

const kPositions = 32;

/** An encoder, another one, and a cross-encoder, on a context of their own. */
async function makeModels() {
  const root = temporaryFolder();
  const context = await gpu.createContext({ device: 'cpu' });
  const pooling = { pooling_mode_mean_tokens: true };
  const load = (name, ...of) => context.loadModel(writeModel(path.join(root, name), ...of), { precision: 'float32' });
  const sentence = { max_seq_length: kPositions, do_lower_case: false };
  const model = await load('encoder', makeModel('bert', { positions: 64 }), { pooling, sentence });
  const other = await load('other', makeModel('bert', { positions: 64, seed: 9 }), { pooling, sentence });
  const reranker = await load('reranker', makeModel('bert', { positions: 64, head: true }));
  async function close() {
    await Promise.all([model, other, reranker].map((each) => each.close()));
    await context.close();
    fs.rmSync(root, { recursive: true });
  }
  return { root, model, other, reranker, close };
}

/** A memory of a process that has this disk. */
function openMemory({ root, model }, options = {}, disk = makeDisk()) {
  const opened = [];
  const kept = (each) => (opened.push(each), each);
  const maker = {
    isContext: true,
    timeout: Infinity,
    defaultModel: 'none',
    loadModel: async (source) => {
      throw new Error(`nothing is loaded here: ${source}`);
    },
    createIndex: async (given) => kept(new FakeIndex(given.store ? disk : makeDisk(), given)),
    openStore: async () => kept(new FakeStore(disk)),
  };
  return makeMemory(maker, { model, path: root, chunk: { tokens: 8, overlap: 2 }, ...options }).then((memory) =>
    Object.assign(memory, { opened }),
  );
}

const kText = 'You may copy the work. You may sell it. There is no warranty at all. The licence ends with a breach.';
const lines = (count, word = 'copy') =>
  Array.from({ length: count }, (_, i) => `The ${word} of the work is ${i}.`).join(' ');
const passagesOf = (disk, id) => [...disk.rows.keys()].filter((key) => key.slice(0, key.lastIndexOf('#')) === id);

module.exports = { kPositions, kText, lines, passagesOf, makeModels, openMemory };
