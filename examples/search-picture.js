// The neighbourhood of a question: the passages found, linked where they mean the same, as a scene of a network.
'use strict';
const { families } = require('./gallery-data');

const kLinks = 3; // of a passage to those most like it
const kSpokes = 8; // of the question to the best
const kMinSimilarity = 0.55;
const kIterations = 500;
const kStretch = 1.7; // the layout is round, the picture wide
const kLabels = 16;
const kLabelLetters = 42;
const size = { width: 1280, height: 720 };

const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text);

/** Whom each node is linked with: the question is node 0, the passages come in the order in which they were found. */
function linksOf(found, neighbours) {
  const links = [found.slice(0, kSpokes).map(({ score }, i) => ({ to: i + 1, weight: score }))];
  const [, k] = neighbours.indices.shape;
  found.forEach((_, row) => {
    const mine = [];
    for (let i = row * k; i < (row + 1) * k && mine.length < kLinks; ++i) {
      const [to, weight] = [neighbours.indices.data[i], neighbours.scores.data[i]];
      if (to !== row && weight >= kMinSimilarity) mine.push({ to: to + 1, weight });
    }
    links.push(mine);
  });
  return links;
}

/** A compressed sparse row matrix. */
function asRows(links) {
  const rowOffsets = new Int32Array(links.length + 1);
  links.forEach((mine, row) => (rowOffsets[row + 1] = rowOffsets[row] + mine.length));
  const all = links.flat();
  return {
    rowOffsets,
    columns: Int32Array.from(all, ({ to }) => to),
    weights: Float32Array.from(all, ({ weight }) => weight),
  };
}

/** The scene's workload. `found`: { text, owners, score }, best first; `vectors` their rows; `run` runs a workload. */
async function neighbourhood(question, found, vectors, run) {
  const rows = { data: vectors, shape: [found.length, vectors.length / found.length], dtype: 'float32' };
  const neighbours = await run('link the passages', {
    type: 'similarity-search',
    inputs: { queries: rows, base: rows },
    params: { k: Math.min(found.length, kLinks + 1) },
  });
  const graph = asRows(linksOf(found, neighbours));
  const { positions } = await run('lay them out', {
    type: 'force-layout',
    inputs: graph,
    params: { iterations: kIterations },
  });
  for (let i = 0; i < positions.data.length; i += 2) positions.data[i] *= kStretch;
  const names = families.names.slice(0, -1);
  const groupOf = (id) => (families.of(id) < names.length ? families.of(id) : -1);
  return {
    type: 'render',
    scene: 'document-network',
    ...size,
    inputs: {
      ...graph,
      positions,
      ranks: Float32Array.from([1, ...found.map(({ score }) => Math.max(0, score) ** 4)]),
      groups: Int32Array.from([-1, ...found.map(({ owners }) => groupOf(owners[0]))]),
    },
    params: {
      title: `What licences say to: ${shorten(question, 80)}`,
      labels: [
        shorten(question, kLabelLetters),
        ...found.map(({ text, owners }) => shorten(`${owners[0]}: ${text}`, kLabelLetters)),
      ],
      groups: names,
      maxLabels: kLabels,
      glow: 0.5,
    },
  };
}

module.exports = { neighbourhood };
