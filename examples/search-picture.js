// The neighbourhood of a question: the passages found, linked where they mean the same, as a scene of a network.
'use strict';

const kLinks = 3; // of a passage to those most like it
const kSpokes = 6; // of the question to the best
const kLayout = { iterations: 600, gravity: 0.03 };
const kStretch = 1.8; // the layout is round, the picture wide
const kLabels = 18;
const kLabelLetters = 42;
const kQuestionRank = 3; // of the best passage's
const size = { width: 1280, height: 720 };

const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text);

/** Whom each passage is linked with: nodes begin at 1, since the question is 0. */
function linksOf({ indices, scores }) {
  const [rows, k] = indices.shape;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: k }, (__, i) => ({ to: indices.data[row * k + i] + 1, weight: scores.data[row * k + i] }))
      .filter(({ to }) => to !== row + 1)
      .slice(0, kLinks),
  );
}

/** The question's: to the best passages, and to the best of each group that these do not lead to. */
function spokesOf(found, links) {
  const groups = found.map((_, i) => i + 1); // of each passage, by one of its members
  const rootOf = (node) => (groups[node - 1] === node ? node : rootOf(groups[node - 1]));
  const join = (a, b) => (groups[Math.max(rootOf(a), rootOf(b)) - 1] = Math.min(rootOf(a), rootOf(b)));
  links.forEach((mine, row) => mine.forEach(({ to }) => join(row + 1, to)));
  const reached = new Set();
  return found.flatMap(({ score }, i) => {
    const isNew = !reached.has(rootOf(i + 1));
    reached.add(rootOf(i + 1));
    return i < kSpokes || isNew ? [{ to: i + 1, weight: score }] : [];
  });
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
  const links = linksOf(neighbours);
  const graph = asRows([spokesOf(found, links), ...links]);
  const { positions } = await run('lay them out', {
    type: 'force-layout',
    inputs: graph,
    params: kLayout,
  });
  for (let i = 0; i < positions.data.length; i += 2) positions.data[i] *= kStretch;
  const ranks = found.map(({ score }) => Math.max(0, score) ** 4);
  return {
    type: 'render',
    scene: 'document-network',
    ...size,
    inputs: {
      ...graph,
      positions,
      ranks: Float32Array.from([kQuestionRank * ranks[0], ...ranks]),
    },
    params: {
      title: `What licences say to: ${shorten(question, 80)}`,
      labels: [
        shorten(question, kLabelLetters),
        ...found.map(({ text, owners }) => shorten(`${owners[0]}: ${text}`, kLabelLetters)),
      ],
      maxLabels: kLabels,
      glow: 0.5,
    },
  };
}

module.exports = { neighbourhood };
