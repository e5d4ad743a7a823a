// Which precision `auto` takes, from what was measured.
'use strict';
const { setTimeout: sleep } = require('node:timers/promises');
const { choiceFor, measureAndChoose, chooseBy, smallestCosine, timed } = require('../../../lib/text/auto-precision');
const { kPrecisions } = require('../../../lib/text/precision');

const figure = (precision, ms, cosine) => ({ precision, ms, cosine, bound: kPrecisions[precision].bound });

describe('chooseBy', () => {
  test('the fastest one of those near enough', () => {
    const { precision, why } = chooseBy([
      figure('float32', 10, 1),
      figure('float16', 6, 0.9999),
      figure('int8', 3, 0.985),
      figure('int4', 2, 0.9),
    ]);
    expect(precision).toBe('int8');
    expect(why).toMatch(/float32 10\.00 ms.*int8 3\.00 ms, cosine 0\.98500.*int4 is below its bound of 0\.95/);
  });

  test('not one that is faster by less than a twentieth and less exact', () => {
    const figures = [figure('float32', 10, 1), figure('bfloat16', 9.7, 0.9999), figure('int8', 9.6, 0.99)];
    expect(chooseBy(figures).precision).toBe('float32');
    expect(chooseBy([figure('float32', 10, 1), figure('int8', 9.4, 0.99)]).precision).toBe('int8');
  });

  test('float32 where nothing else is near enough, or gives numbers', () => {
    expect(chooseBy([figure('float32', 10, 1), figure('int8', 1, 0.97), figure('int4', 1, NaN)]).precision).toBe(
      'float32',
    );
  });
});

describe('smallestCosine', () => {
  const rows = Float32Array.of(10, 1, 10, -1, 11, 0, 9, 0); // around [10, 0]

  test('of equal rows is 1', () => {
    expect(smallestCosine(rows, rows, 2)).toBe(1);
  });

  test('is without what all rows have in common', () => {
    const other = Float32Array.from(rows);
    other[1] = 0; // [10, 0] in place of [10, 1]: hardly another direction, but for the mean
    other[0] = 11;
    expect(smallestCosine(other, rows, 2)).toBeCloseTo(0, 6);
  });

  test('of scores is one of all of them', () => {
    expect(smallestCosine(Float32Array.of(1, 2, 3), Float32Array.of(3, 2, 1), 1)).toBeCloseTo(-1, 6);
    expect(smallestCosine(Float32Array.of(5, 7, 9), Float32Array.of(1, 2, 3), 1)).toBeLessThan(0.6);
  });

  test('is NaN where a row holds one', () => {
    expect(smallestCosine(Float32Array.of(NaN, 1, 10, -1, 11, 0, 9, 0), rows, 2)).toBeNaN();
  });
});

test('each precision is measured once, and compared with float32', async () => {
  const asked = [];
  const measured = {
    float32: { rows: Float32Array.of(1, 0, 0, 1), ms: 4 },
    int8: { rows: Float32Array.of(1, 0.01, 0, 1), ms: 1 },
  };
  const choice = await measureAndChoose(async (precision) => {
    asked.push(precision);
    return { dimensions: 2, ...(measured[precision] ?? { rows: Float32Array.of(0, 1, 1, 0), ms: 0.5 }) };
  });
  expect(asked.sort()).toEqual(Object.keys(kPrecisions).sort());
  expect(choice.precision).toBe('int8');
  expect(choice.figures).toHaveLength(5);
});

describe('choiceFor', () => {
  const memory = () => {
    const kept = new Map();
    return {
      readJson: async (key) => kept.get(JSON.stringify(key)),
      writeJson: async (key, value) => kept.set(JSON.stringify(key), structuredClone(value)),
    };
  };
  const measured = { rows: Float32Array.of(1, 0, 0, 1), dimensions: 2, ms: 1 };

  test('measures once for a model on a device, and anew for another', async () => {
    const cache = memory();
    const measure = jest.fn(async () => measured);
    const first = await choiceFor(cache, { digest: 'a', device: 'cpu' }, measure);
    expect(measure).toHaveBeenCalledTimes(5);
    expect(await choiceFor(cache, { digest: 'a', device: 'cpu' }, measure)).toEqual(first);
    expect(measure).toHaveBeenCalledTimes(5);
    await choiceFor(cache, { digest: 'b', device: 'cpu' }, measure);
    await choiceFor(cache, { digest: 'a', device: 'cuda' }, measure);
    expect(measure).toHaveBeenCalledTimes(15);
  });

  test('what a device can not run is left out, and said', async () => {
    const cache = memory();
    const refused = (code, message) => Object.assign(new Error(message), { code });
    const measure = async (precision) => {
      if (precision === 'int8') throw refused('ERR_UNSUPPORTED', 'no such codes');
      return { ...measured, ms: precision === 'int4' ? 0.1 : 1 };
    };
    const choice = await choiceFor(cache, { digest: 'a' }, measure);
    expect(choice.precision).toBe('int4');
    expect(choice.why).toMatch(/int8 was left out: no such codes/);
    expect(choice.figures).toHaveLength(4);
    const again = jest.fn(measure);
    expect(await choiceFor(cache, { digest: 'a' }, again)).toEqual(choice);
    expect(again).not.toHaveBeenCalled();
  });

  test('without memory for float32 the most exact one that fits, which is not kept', async () => {
    const cache = memory();
    const short = Object.assign(new Error('1.3 GB are wanted'), { code: 'ERR_OUT_OF_MEMORY' });
    const fits = (...some) =>
      jest.fn(async (precision) => {
        if (!some.includes(precision)) throw short;
        return measured;
      });
    const choice = await choiceFor(cache, { digest: 'a' }, fits('int8', 'int4'));
    expect(choice).toMatchObject({ precision: 'int8', figures: [] });
    expect(choice.why).toMatch(/most exact one that runs here.*float32 was left out: 1.3 GB are wanted/);
    const later = fits('float32', 'float16', 'bfloat16', 'int8', 'int4');
    expect((await choiceFor(cache, { digest: 'a' }, later)).precision).toBe('float32');
    await expect(choiceFor(cache, { digest: 'b' }, fits())).rejects.toBe(short);
  });

  test('of those who measure at the same time the first is right for all', async () => {
    const cache = memory();
    const slow = (ms, fast) => async (precision) => {
      await sleep(ms);
      return { ...measured, ms: precision === fast ? 0.1 : 1 };
    };
    const choices = await Promise.all([
      choiceFor(cache, { digest: 'a' }, slow(2, 'int8')),
      choiceFor(cache, { digest: 'a' }, slow(20, 'float16')),
    ]);
    expect(choices.map(({ precision }) => precision)).toEqual(['int8', 'int8']);
  });

  test('keeps nothing where a measurement fails', async () => {
    const cache = memory();
    const measure = async (precision) => {
      if (precision === 'int8') throw new Error('no memory');
      return measured;
    };
    await expect(choiceFor(cache, { digest: 'a' }, measure)).rejects.toThrow('no memory');
    const again = jest.fn(async () => measured);
    await choiceFor(cache, { digest: 'a' }, again);
    expect(again).toHaveBeenCalledTimes(5);
  });
});

describe('timed', () => {
  test('the first time does not count, however long it takes', async () => {
    let runs = 0;
    const short = await timed(async () => {
      if (++runs === 1) await sleep(60);
      return runs;
    });
    expect(runs).toBeGreaterThan(2);
    expect(short.result).toBe(runs);
    expect(short.ms).toBeLessThan(40);
    runs = 0;
    const long = await timed(async () => {
      await sleep(++runs === 1 ? 400 : 200);
    });
    expect(runs).toBe(2);
    expect(long.ms).toBeGreaterThan(190);
    expect(long.ms).toBeLessThan(350);
  });
});
