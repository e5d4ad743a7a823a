// How many tokens a job should have: chosen from measurements, and kept on disk.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const fc = require('fast-check');
const { check } = require('../../support/simulation');
const { tokenBudget } = require('../../../lib/text/budget');
const { chooseSize, isFlat } = require('../../../lib/text/best-size');

// A clock that only jobs move: what is measured is what they say, however busy the machine is.
let mockNow = 0;
jest.mock('../../../lib/core', () => ({ ...jest.requireActual('../../../lib/core'), nowMs: () => mockNow }));

const sizes = [128, 256, 512, 1024, 2048, 4096];
const samplesOf = (rates) => rates.map((rate, i) => ({ size: sizes[i], ms: sizes[i] / rate }));

test('the smallest size within 5% of the best', () => {
  expect(chooseSize(samplesOf([10, 20, 30, 39, 40, 40]))).toBe(1024);
  expect(chooseSize(samplesOf([10]))).toBe(128);
  expect(chooseSize(samplesOf([50, 20, 10]))).toBe(128);
  check(
    fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 6 }), (rates) => {
      const chosen = rates[sizes.indexOf(chooseSize(samplesOf(rates)))];
      expect(chosen).toBeGreaterThanOrEqual(0.95 * Math.max(...rates) - 1e-9);
      expect(rates.slice(0, rates.indexOf(chosen)).every((rate) => rate < 0.95 * Math.max(...rates))).toBe(true);
    }),
  );
});

test('two sizes that were hardly faster are enough', () => {
  expect(isFlat(samplesOf([10, 10]))).toBe(false);
  expect(isFlat(samplesOf([10, 10, 10]))).toBe(true);
  expect(isFlat(samplesOf([10, 20, 20.5, 30]))).toBe(false);
  expect(isFlat(samplesOf([10, 20, 20.5, 20.9]))).toBe(true);
});

describe('kept on disk', () => {
  let folder;
  const runs = [];
  const takes = async (ms) => {
    await null;
    mockNow += ms;
  };
  const run = async (texts) => {
    runs.push(texts);
    await takes(1 + texts.ids.length / 1000);
  };
  const options = (fields) => ({ run, vocabulary: 100, longest: 512, device: 'cpu', digest: 'abc', folder, ...fields });
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'budget-'));
    runs.length = 0;
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));
  const files = () => fs.readdirSync(path.join(folder, 'text')).map((name) => path.join(folder, 'text', name));

  test('for each device and model, measured once', async () => {
    const first = await tokenBudget(options());
    expect(first.isMeasured).toBe(true);
    expect(first.tokens).toBeGreaterThanOrEqual(1024); // a millisecond for each job has to be small beside it
    for (const { ids, offsets } of runs) {
      expect(offsets.at(-1)).toBe(ids.length);
      expect(ids.every((id) => id >= 0 && id < 100)).toBe(true);
    }
    const count = runs.length;
    expect(await tokenBudget(options())).toEqual({ tokens: first.tokens, isMeasured: false });
    expect(runs.length).toBe(count);
    await tokenBudget(options({ digest: 'other' }));
    await tokenBudget(options({ device: 'cuda' }));
    expect(runs.length).toBeGreaterThan(count);
    expect(files().length).toBe(3);
  });

  test.each(['', '{', '{}', '{"tokens":1e9}', '{"tokens":"512"}', 'null'])(
    'a file that says %j is measured anew',
    async (text) => {
      await tokenBudget(options());
      fs.writeFileSync(files()[0], text);
      expect((await tokenBudget(options())).isMeasured).toBe(true);
      expect((await tokenBudget(options())).isMeasured).toBe(false);
    },
  );

  test('where the disk takes nothing it is measured, and says why it is not kept', async () => {
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, '');
    const { isMeasured, problem } = await tokenBudget(options({ folder: file }));
    expect(isMeasured).toBe(true);
    expect(problem).toMatch(/ENOTDIR|EEXIST/);
    expect(await tokenBudget(options({ folder: '' }))).not.toHaveProperty('problem');
  });

  test('texts are no longer than the model takes', async () => {
    await tokenBudget(options({ longest: 24 }));
    for (const { offsets, ids } of runs) {
      const lengths = Array.from(offsets.subarray(1), (offset, i) => offset - offsets[i]);
      expect(Math.max(...lengths)).toBe(24);
      expect(Math.min(...lengths)).toBeGreaterThan(0);
      expect(offsets.at(-1)).toBe(ids.length);
    }
  });

  test('a first run that takes long is not what is measured', async () => {
    let count = 0;
    const slow = (texts) => takes(++count === 1 ? 1700 : 2 + texts.ids.length / 1000);
    expect((await tokenBudget(options({ run: slow }))).tokens).toBeGreaterThanOrEqual(1024);
  });

  test('what another process has kept meanwhile is right for this one', async () => {
    let done;
    const kept = new Promise((resolve) => (done = resolve));
    // The other one's last job ends after the first one has kept what it found; alone it would find 128.
    const later = async (texts) => {
      await kept;
      await takes(texts.ids.length / 20);
    };
    const other = tokenBudget(options({ run: later }));
    const one = await tokenBudget(options());
    done();
    expect(one.tokens).toBeGreaterThan(128);
    expect(await other).toEqual({ tokens: one.tokens, isMeasured: false });
    expect((await tokenBudget(options({ digest: 'b', run: later }))).tokens).toBe(128);
  });

  test('sizes that there is no memory for are none', async () => {
    const short = Object.assign(new Error('no memory'), { code: 'ERR_OUT_OF_MEMORY' });
    const limited = (most) => (texts) => (texts.ids.length > most ? Promise.reject(short) : run(texts));
    expect((await tokenBudget(options({ run: limited(512) }))).tokens).toBe(512);
    await expect(tokenBudget(options({ digest: 'b', run: limited(100) }))).rejects.toBe(short);
  });

  test('a job that fails fails it', async () => {
    const refused = () => Promise.reject(new Error('no'));
    await expect(tokenBudget(options({ run: refused }))).rejects.toThrow('no');
    expect(fs.existsSync(path.join(folder, 'text'))).toBe(false);
  });
});
