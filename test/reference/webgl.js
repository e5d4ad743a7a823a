// Pictures as WebGL draws them, for comparison with ours: Chromium, headless, with its own software renderer.
'use strict';
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

const kFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--virtual-time-budget=20000',
  '--dump-dom',
];
const kBrowsers = ['chromium', 'chromium-browser', 'google-chrome'];
const kTimeoutMs = 60_000;
const kDrawings = path.join(__dirname, '..', 'shaders', 'webgl');

/** The browser's path, or undefined: then there is nothing to compare with. */
function findBrowser() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return folders
    .flatMap((folder) => kBrowsers.map((name) => path.join(folder, name)))
    .find((file) => fs.existsSync(file));
}

// What is between 0 and 1 depends on the seed alone.
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const kGenerators = {
  list:
    ({ values }) =>
    (i) =>
      values[i],
  constant:
    ({ value, components }) =>
    (i) =>
      value[i % components],
  random: ({ seed, from, to }) => {
    const next = randomNumbers(seed);
    return () => from + (to - from) * next();
  },
  /** Places row by row from the lower left, `columns` in a row; components after the second are 0. */
  grid: ({ columns, components, from = -1, to = 1 }, count) => {
    const rows = count / columns;
    return (i) => {
      const place = Math.floor(i / components),
        axis = i % components;
      if (axis > 1) return 0;
      const [at, most] = axis === 0 ? [place % columns, columns - 1] : [Math.floor(place / columns), rows - 1];
      return from + ((to - from) * at) / most;
    };
  },
  /** The same for `every` vertices, then a step further. */
  steps:
    ({ every, start, step, components }) =>
    (i) =>
      start[i % components] + step[i % components] * Math.floor(Math.floor(i / components) / every),
};

function attributeOf(description, count) {
  const valueAt = kGenerators[description.generate](description, count);
  return {
    components: description.components,
    data: Float32Array.from({ length: count * description.components }, (_, i) => valueAt(i)),
  };
}

const kTextures = {
  checker: (x, y) => ((x + y) % 2 ? [250, 240, 200, 255] : [40, 60 + 10 * y, 90, 255]),
  ramp: (x, y, width, height) => [(255 * x) / (width - 1), (255 * y) / (height - 1), 128, 255],
};

function uniformOf(value) {
  if (typeof value === 'number' || typeof value === 'boolean') return [Number(value)];
  if (Array.isArray(value)) return value;
  if (value.texture) {
    const { width, height, filter } = value;
    const data = Uint8Array.from(
      { length: width * height * 4 },
      (_, i) => kTextures[value.texture](Math.floor(i / 4) % width, Math.floor(i / 4 / width), width, height)[i % 4],
    );
    return { width, height, filter, data };
  }
  return value.floats ?? [value.uint];
}

/**
 * A drawing of test/shaders/webgl with its sources, attributes ({ components, data: Float32Array }) and uniforms (lists
 * of numbers; textures { width, height, filter, data: Uint8Array, rows in the order of their t }) ready to use.
 */
function loadDrawing(name) {
  const file = (ending) => fs.readFileSync(path.join(kDrawings, name + ending), 'utf8');
  const drawing = JSON.parse(file('.json'));
  const attributes = Object.fromEntries(
    Object.entries(drawing.attributes).map(([key, value]) => [key, attributeOf(value, drawing.count)]),
  );
  const uniforms = Object.fromEntries(Object.entries(drawing.uniforms).map(([key, value]) => [key, uniformOf(value)]));
  return { ...drawing, name, vertex: file('.vert'), fragment: file('.frag'), attributes, uniforms };
}

const drawingNames = () =>
  fs
    .readdirSync(kDrawings)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -5));

function readAnswer(page) {
  const pixels = /pixels:([A-Za-z0-9+/=]+)/.exec(page);
  if (pixels) return Buffer.from(pixels[1], 'base64');
  const error = /error:([^<]*)/.exec(page);
  throw new Error(
    error ? `WebGL: ${decodeURIComponent(error[1])}` : `the browser gave no picture: ${page.slice(0, 500)}`,
  );
}

/**
 * What WebGL draws, once, on the background: { vertex, fragment, version: 1|2, width, height, primitive:
 * 'points'|'lines'|'triangles'| 'triangle-strip', count, attributes, uniforms, blocks, blend:
 * 'none'|'alpha'|'premultiplied'|'add', background: [r, g, b, a], antialias: false }, as loadDrawing() gives it.
 * Resolves to { width, height, data: Uint8Array of RGBA, rows from the top }.
 */
async function drawInWebgl(drawing) {
  const browser = findBrowser();
  if (!browser) throw new Error(`none of ${kBrowsers.join(', ')} is on the PATH`);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-webgl-'));
  try {
    const plain = JSON.stringify(drawing, (_, value) =>
      ArrayBuffer.isView(value) ? Array.from(/** @type {any} */ (value)) : value,
    );
    const page = fs
      .readFileSync(path.join(__dirname, 'webgl.html'), 'utf8')
      .replace('DRAWING', () => plain.replaceAll('<', '\\u003c'));
    fs.writeFileSync(path.join(folder, 'page.html'), page);
    const { stdout } = await promisify(execFile)(
      browser,
      [...kFlags, `--user-data-dir=${path.join(folder, 'profile')}`, `file://${path.join(folder, 'page.html')}`],
      { timeout: kTimeoutMs, killSignal: 'SIGKILL', maxBuffer: 256 << 20 },
    );
    const { width, height } = drawing,
      upward = readAnswer(stdout);
    const data = new Uint8Array(upward.length);
    for (let y = 0; y < height; y++)
      data.set(upward.subarray((height - 1 - y) * width * 4, (height - y) * width * 4), y * width * 4);
    return { width, height, data };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

module.exports = { drawInWebgl, drawingNames, findBrowser, loadDrawing };
