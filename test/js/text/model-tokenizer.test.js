// A model's tokenizer: pairs of one text with very many.
'use strict';
const { ModelTokenizer } = require('../../../lib/text/model-tokenizer');

/** A token for each unit, and the texts that it was given at a time. */
function counting() {
  const calls = [];
  const encode = async (texts, { pairs, timeout }) => {
    calls.push({ units: texts.reduce((sum, text) => sum + text.length, 0), timeout });
    const lengths = texts.map((text, i) => 1 + pairs[i].length);
    const offsets = Int32Array.from([0, ...lengths.map((_, i) => lengths.slice(0, i + 1).reduce((a, b) => a + b, 0))]);
    const ids = Int32Array.from(pairs.flatMap((pair) => [7, ...Array.from(pair, Number)]));
    const typeIds = ids.map((id) => (id === 7 ? 0 : 1));
    return { ids, typeIds, offsets, truncated: pairs.map((pair) => pair.length > 2) };
  };
  return { calls, tokenizer: new ModelTokenizer({ encode }, false) };
}

const kLong = 'x'.repeat(1 << 20);

test('not all copies of a long one are there at once', async () => {
  const { calls, tokenizer } = counting();
  const others = Array.from({ length: 40 }, (_, i) => '1'.repeat(i % 4));
  const options = { most: 100, maxLength: 100, timeout: 10_000 };
  const { ids, typeIds, offsets, truncated } = await tokenizer.encodePairs(kLong, others, options);
  expect(calls.length).toBeGreaterThan(4);
  for (const { units, timeout } of calls) {
    expect(units).toBeLessThanOrEqual(1 << 23);
    expect(timeout).toBeLessThanOrEqual(10_000);
  }
  const { tokenizer: whole } = counting();
  const expected = await whole.encodePairs('x', others, options);
  expect({ ids, typeIds, offsets, truncated }).toEqual(expected);
  expect(offsets).toHaveLength(41);
});

test('no more are looked at once one has too many tokens', async () => {
  const { calls, tokenizer } = counting();
  const others = Array.from({ length: 40 }, () => '1111');
  const { offsets } = await tokenizer.encodePairs(kLong, others, { most: 3 });
  expect(calls).toHaveLength(1);
  expect(offsets.at(-1)).toBeGreaterThan(3);
});

test('none is none', async () => {
  const { tokenizer } = counting();
  expect((await tokenizer.encodePairs('x', [], { most: 3 })).offsets).toEqual(Int32Array.of(0));
});
