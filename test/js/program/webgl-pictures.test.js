// WebGL's shaders, unmodified, look as a browser draws them: nine drawings by Chromium and by our own renderer, on
// Mesa's software driver and on SwiftShader, which Chromium uses itself.
'use strict';
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { drawInWebgl, drawingNames, findBrowser, loadDrawing } = require('../../reference/webgl');
const { childProgram } = require('../../support/paths');

const kSwiftShader = ['/usr/lib/chromium/vk_swiftshader_icd.json'].find((file) => fs.existsSync(file));
const kChild = childProgram('webgl-pictures.js');
const kAlike = 4; // of 255: what mediump, rounding and filtering may differ by
// Where an edge, a line or a point ends exactly in the middle of a pixel, the way up decides whether it takes it: such
// a pixel has its like among the reference's neighbours, or none where the edge is all there is to see (a row of
// grid-lines).
const kMaxUnlike = 0.01;
const kMaxMoved = 0.04; // those that are there, but a pixel further

function difference(a, at, b, bt) {
  return Math.max(Math.abs(a[at] - b[bt]), Math.abs(a[at + 1] - b[bt + 1]), Math.abs(a[at + 2] - b[bt + 2]));
}

function hasLike({ data, width, height }, x, y, ours, at) {
  for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ++ny)
    for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); ++nx)
      if (difference(ours, at, data, (ny * width + nx) * 4) <= 3 * kAlike) return true;
  return false;
}

// The shares of pixels that differ and are found next to their place, and that are not found at all.
function compare(reference, ours) {
  const { width, height, data } = reference;
  let moved = 0,
    unlike = 0;
  for (let i = 0; i < width * height; ++i) {
    if (difference(ours, i * 4, data, i * 4) <= kAlike) continue;
    if (hasLike(reference, i % width, Math.floor(i / width), ours, i * 4)) ++moved;
    else ++unlike;
  }
  return { moved: moved / (width * height), unlike: unlike / (width * height) };
}

const available = Boolean(findBrowser() && kSwiftShader);
(available ? describe : describe.skip)('drawings of WebGL (Chromium is needed)', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-pictures-'));
  const drivers = {
    'the default driver': {},
    SwiftShader: { VK_DRIVER_FILES: kSwiftShader, VK_ICD_FILENAMES: kSwiftShader },
  };
  const folderOf = (driver) => path.join(folder, driver.replaceAll(' ', '-'));

  beforeAll(async () => {
    for (const [driver, env] of Object.entries(drivers)) {
      fs.mkdirSync(folderOf(driver));
      await promisify(execFile)(process.execPath, [kChild, folderOf(driver)], {
        env: { ...process.env, SHADER_CACHE_DIR: path.join(folder, 'cache'), ...env },
        timeout: 120_000,
      });
    }
  }, 240_000);
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  test.each(drawingNames())(
    '%s',
    async (name) => {
      const reference = await drawInWebgl(loadDrawing(name));
      // A reference that shows nothing would be like anything that shows nothing.
      expect(new Set(new Uint32Array(reference.data.slice().buffer)).size).toBeGreaterThan(1);
      for (const driver of Object.keys(drivers)) {
        const ours = fs.readFileSync(path.join(folderOf(driver), `${name}.rgba`));
        expect(ours.length).toBe(reference.data.length);
        const { moved, unlike } = compare(reference, ours);
        expect({ driver, moved, tooMany: moved > kMaxMoved }).toEqual({ driver, moved, tooMany: false });
        expect({ driver, unlike, tooMany: unlike > kMaxUnlike }).toEqual({ driver, unlike, tooMany: false });
      }
    },
    90_000,
  );
});
