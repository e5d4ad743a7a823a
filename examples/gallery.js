// Draws three pictures of the SPDX licence list on the GPU: what one licence's sections have to do with another's, the
// network of similar licences, and their years. npm run example:gallery -- --device vulkan --theme light --out
// /tmp/gallery
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { Command, Option } = require('commander');
const gpu = require('..');
const { readCorpus, sectionsOf, yearOf, families, kinds } = require('./gallery-data');

const kRowsOf = 'GPL-3.0-only',
  kColumnsOf = 'GPL-2.0-only';
const kSharpness = 14; // of the attention: a section looks at few others
const kLinks = 5; // edges from each licence at most
const kMinSimilarity = 0.12; // cosine
const kIterations = 400;
const kStretch = 1.6; // the layout is round, the picture wide
const kGlow = 0.5;
const kDecay = 0.05; // a year
const size = { width: 1280, height: 720 };

const output = async (ctx, workload) => (await ctx.run(workload)).outputs;
const unit = async (ctx, input) => (await output(ctx, { type: 'normalize', inputs: { input } })).output;
const asHead = ({ data, shape, dtype }) => ({ data, shape: [1, ...shape], dtype });

// Sections of one licence (rows) look at those of another: the weights of an attention with their vectors as queries
// and keys.
async function attentionHeatmap(ctx, { list, vectorizer }) {
  const [rows, columns] = [kRowsOf, kColumnsOf].map((id) => sectionsOf(list, id));
  const [query, key] = await Promise.all(
    [rows, columns].map((sections) => unit(ctx, vectorizer.rows(sections.map((it) => it.words)))),
  );
  const { weights } = await output(ctx, {
    type: 'attention',
    inputs: { query: asHead(query), key: asHead(key), value: asHead(key) },
    params: { scale: kSharpness, returnWeights: true },
  });
  return {
    type: 'render',
    scene: 'attention-heatmap',
    ...size,
    inputs: { weights },
    params: {
      title: `What sections of ${kRowsOf} have to do with those of ${kColumnsOf}`,
      rowLabels: rows.map(({ label }) => label),
      columnLabels: columns.map(({ label }) => label),
    },
  };
}

// Each licence leads to those most like it: a compressed sparse row matrix.
async function linkLicences(ctx, { ids, documents, vectorizer }) {
  const rows = await unit(ctx, vectorizer.rows(documents));
  const { indices, scores } = await output(ctx, {
    type: 'similarity-search',
    inputs: { queries: rows, base: rows },
    params: { k: kLinks + 1 },
  });
  const rowOffsets = new Int32Array(ids.length + 1),
    columns = [],
    weights = [];
  for (let row = 0; row < ids.length; ++row) {
    for (let i = row * (kLinks + 1); i < (row + 1) * (kLinks + 1); ++i) {
      if (indices.data[i] === row || scores.data[i] < kMinSimilarity || columns.length - rowOffsets[row] === kLinks)
        continue;
      columns.push(indices.data[i]);
      weights.push(scores.data[i]);
    }
    rowOffsets[row + 1] = columns.length;
  }
  const graph = { rowOffsets, columns: Int32Array.from(columns), weights: Float32Array.from(weights) };
  const { ranks } = await output(ctx, { type: 'pagerank', inputs: graph });
  return { graph, ranks };
}

// Without the licences that are like no other: they would only stand around.
function withoutLoners({ rowOffsets, columns, weights }, ranks) {
  const linked = new Set(columns);
  for (let row = 0; row + 1 < rowOffsets.length; ++row) if (rowOffsets[row + 1] > rowOffsets[row]) linked.add(row);
  const kept = [...linked].sort((a, b) => a - b),
    place = new Map(kept.map((licence, i) => [licence, i]));
  // loners have no edges: nothing moves
  const offsets = Int32Array.from([0, ...kept.map((licence) => rowOffsets[licence + 1])]);
  return {
    kept,
    graph: { rowOffsets: offsets, columns: columns.map((licence) => place.get(licence)), weights },
    ranks: Float32Array.from(kept, (licence) => ranks.data[licence]),
  };
}

async function documentNetwork(ctx, { ids }, links) {
  const { kept, graph, ranks } = withoutLoners(links.graph, links.ranks),
    names = kept.map((licence) => ids[licence]);
  const { positions } = await output(ctx, { type: 'force-layout', inputs: graph, params: { iterations: kIterations } });
  for (let i = 0; i < positions.data.length; i += 2) positions.data[i] *= kStretch;
  // -1: none
  const groups = Int32Array.from(names, (id) => (families.of(id) < families.names.length - 1 ? families.of(id) : -1));
  return {
    type: 'render',
    scene: 'document-network',
    ...size,
    inputs: { ...graph, positions, ranks, groups },
    params: {
      glow: kGlow,
      title: 'Licences of the SPDX list, linked where their texts are alike',
      labels: names,
      groups: families.names.slice(0, -1),
    },
  };
}

// When a licence was written, as far as its text tells; how central it is; what it asks for; how alike its neighbours
// are.
async function evidenceTimeline(ctx, { list, ids }, { graph, ranks }) {
  const dated = ids
    .map((id, i) => ({ id, i, year: yearOf(list[id].licenseText) }))
    .filter(({ year }) => year !== undefined);
  const most = Math.max(...dated.map(({ i }) => ranks.data[i])),
    data = new Float32Array(dated.length * 4);
  dated.forEach(({ id, i, year }, row) => {
    const near =
      graph.weights.subarray(graph.rowOffsets[i], graph.rowOffsets[i + 1]).reduce((sum, weight) => sum + weight, 0) /
      kLinks;
    data.set([year, Math.sqrt(ranks.data[i] / most), kinds.of(id), near], row * 4);
  });
  const now = Math.ceil(Math.max(...dated.map(({ year }) => year))),
    params = { currentTime: now, decay: kDecay };
  const { timeline } = await output(ctx, {
    type: 'evidence-timeline',
    inputs: { evidence: { data, shape: [dated.length, 4], dtype: 'float32' } },
    params,
  });
  return {
    type: 'render',
    scene: 'evidence-timeline',
    ...size,
    inputs: { timeline },
    params: {
      ...params,
      title: 'Licences by the latest year of their version or copyright, weighted by rank and age',
      categories: kinds.names,
      labels: dated.map(({ id }) => id),
    },
  };
}

// The device that was asked for, or the best one that draws.
function chooseDevice(wanted) {
  if (wanted !== 'auto') return wanted;
  const device = gpu.devices().find(({ features }) => features.graphics);
  if (!device) throw new Error('no device here can draw: `npx switchyard doctor` says what is missing');
  return device.id;
}

async function main({ device, out, theme }) {
  const ctx = await gpu.createContext({ device: chooseDevice(device), memoryLimit: 2 ** 30 });
  try {
    const corpus = readCorpus(),
      links = await linkLicences(ctx, corpus);
    const pictures = {
      'attention-heatmap': attentionHeatmap,
      'document-network': documentNetwork,
      'evidence-timeline': evidenceTimeline,
    };
    fs.mkdirSync(out, { recursive: true });
    console.log(`${corpus.ids.length} licences, drawn on ${ctx.device.id} (${ctx.device.name})`);
    for (const [name, make] of Object.entries(pictures)) {
      const workload = await make(ctx, corpus, links);
      workload.params.theme = theme;
      const { outputs, timings } = await ctx.run(workload),
        file = path.join(out, `${name}.png`),
        png = await gpu.encodePNG(outputs.image);
      fs.writeFileSync(file, png);
      console.log(
        `${path.relative('', file) || file}: ${size.width} x ${size.height}, ${Math.round(png.length / 1024)} ` +
          `KB, drawn in ${timings.total.toFixed(0)} ms`,
      );
    }
  } finally {
    await ctx.close();
  }
}

const program = new Command('example:gallery')
  .description('Draws three pictures of the SPDX licence list and writes them as PNG files.')
  .option('--device <device>', "where to compute and draw: auto, vulkan, or one device such as 'vulkan:0'", 'auto')
  .option('--out <folder>', 'where the files go', path.join(__dirname, '..', 'docs', 'gallery'))
  .addOption(new Option('--theme <theme>', 'colours').choices(['dark', 'light']).default('dark'))
  .action(main)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program.parseAsync().catch((error) => {
  process.stderr.write(`example:gallery: ${error.message}\n`);
  process.exitCode = 1;
});
