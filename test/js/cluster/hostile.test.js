// The first seconds of `npm run soak:hostile`: fuzzed requests, 80 slow readers of 64 MB each, broken and oversized
// uploads, while honest clients see no error and everything comes back.
'use strict';
const { runHostile } = require('../../../bench/soak/hostile/run');

jest.setTimeout(120000);

test('a server under hostile input serves the others, and holds no more than before', async () => {
  const result = await runHostile({ seconds: 8, only: ['requests', 'readers', 'uploads'] });
  const { parts, honest, server } = result;
  expect({ ...result, ok: undefined }).toMatchObject({ failed: [] });
  expect(parts.requests.sent).toBeGreaterThan(100);
  expect(parts.requests.statuses).toMatchObject({ 200: expect.any(Number), 400: expect.any(Number) });
  expect(parts.readers.megabytes.most).toBeLessThan(1000);
  expect(parts.readers.asked).toBeGreaterThanOrEqual(80);
  expect(parts.uploads.told).toBeGreaterThan(0);
  expect(honest).toMatchObject({ errors: 0, examples: [] });
  expect(honest.right).toBeGreaterThan(50);
  expect(server).toMatchObject({ health: 'ok', restarts: {}, end: 0 });
  expect(result.ok).toBe(true);
});
