// The picture of a layer's attention on a sentence of a licence.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const sharp = require('sharp');
const gpu = require('../../..');
const { inRoot } = require('../../support/paths');

const canDraw = gpu.devices().some(({ features }) => features.graphics);
const run = (...args) =>
  spawnSync(process.execPath, [inRoot('examples/attention.js'), '--device', 'cpu', ...args], { encoding: 'utf8' });

let folder;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-attention-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

async function pixels(file) {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([1280, 900]);
  return data;
}

(canDraw ? describe : describe.skip)(`the picture${canDraw ? '' : ' (SKIPPED: no device here draws)'}`, () => {
  test('has the condition of the MIT licence, and is another one for another layer', async () => {
    const files = [0, 1].map((layer) => path.join(folder, `${layer}.png`));
    for (const [layer, out] of files.entries()) {
      const { status, stdout, stderr } = run('--layer', String(layer), '--out', out);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/^The above copyright notice/);
      expect(stdout).toMatch(/\d+ tokens, (\d+) x \1 weights of 4 heads/);
    }
    const [first, second] = await Promise.all(files.map(pixels));
    let different = 0;
    for (let i = 0; i < first.length; ++i) if (Math.abs(first[i] - second[i]) > 30) ++different;
    expect(different).toBeGreaterThan(0.01 * first.length);
  }, 60_000);

  test('a layer that the model does not have is told', () => {
    const { status, stderr } = run('--layer', '7', '--out', path.join(folder, 'none.png'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/returnAttention is 7, but must be a whole number from 0 to 1/);
    expect(run('--layer', 'last').status).toBe(2);
  });
});
