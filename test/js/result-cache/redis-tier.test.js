// Results in a Redis that works, is away, comes back, hangs, has another password, or is full.
'use strict';
const { setTimeout: sleep } = require('node:timers/promises');
const { RedisTier } = require('../../../lib/result-cache/redis-tier');
const { freePort, lacking, startRedis } = require('../../support/redis-server');
const { keptLog } = require('../../support/silent-log');

const kBytes = Buffer.from('some bytes \0 of a result');
/** @type {(() => Promise<void>|void)[]} */
const undo = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

/** @param {object} [how] of startRedis() */
async function redisOf(how) {
  const redis = await startRedis(how);
  undo.push(redis.end);
  return redis;
}

/** @param {string} url @param {object} [settings] */
function tierOf(url, settings = {}) {
  const log = keptLog();
  const tier = new RedisTier({ url, ms: 60_000, timeout: 200, ...settings }, log);
  undo.push(() => tier.close());
  return { tier, log, warnings: () => log.lines.filter(([level]) => level === 'warn') };
}

/** @param {() => boolean|Promise<boolean>} isSo */
async function until(isSo) {
  for (let i = 0; i < 400; ++i) {
    if (await isSo()) return;
    await sleep(25);
  }
  throw new Error(`it never became so: ${isSo}`);
}
/** @param {RedisTier} tier */
const works = (tier) => until(() => tier.use().state === 'ok');

const suite = lacking ? describe.skip : describe;
suite(`a tier of results in Redis${lacking ? ` (${lacking})` : ''}`, () => {
  test('gives back what it was given, in another process, too', async () => {
    const { url } = await redisOf();
    const { tier } = tierOf(url);
    await works(tier);
    await tier.set('key', kBytes);
    const other = tierOf(url).tier;
    await works(other);
    expect(await other.get('key')).toEqual(kBytes);
    expect(await other.get('none')).toBeUndefined();
    await tier.delete('key');
    expect(await other.get('key')).toBeUndefined();
  });

  test('lets a result go when its time is up', async () => {
    const { url } = await redisOf();
    const { tier } = tierOf(url, { ms: 30 });
    await works(tier);
    await tier.set('key', kBytes);
    await until(async () => (await tier.get('key')) === undefined);
  });

  test('is left alone where there is none, with one line, and used once there is', async () => {
    const port = await freePort();
    const { tier, warnings } = tierOf(`redis://127.0.0.1:${port}/0`);
    await until(() => warnings().length > 0);
    expect(await tier.get('key')).toBeUndefined();
    await tier.set('key', kBytes);
    expect(tier.use().state).toBe('away');
    await redisOf({ port });
    await works(tier);
    await tier.set('key', kBytes);
    expect(await tier.get('key')).toEqual(kBytes);
    expect(warnings()).toHaveLength(1);
  });

  test('is left alone once it was killed in the middle, and no call fails', async () => {
    const redis = await redisOf();
    const { tier, warnings } = tierOf(redis.url);
    await works(tier);
    const calls = Array.from({ length: 50 }, (_, i) => tier.set(`k${i}`, Buffer.alloc(100_000)));
    await redis.end();
    await Promise.all(calls);
    expect(await tier.get('k1')).toBeUndefined();
    await until(() => tier.use().state === 'away');
    expect(warnings()).toHaveLength(1);
  });

  test('that hangs is waited for once', async () => {
    const redis = await redisOf();
    const { tier, warnings } = tierOf(redis.url, { timeout: 50 });
    await works(tier);
    redis.pause();
    expect(await tier.get('key')).toBeUndefined();
    expect(tier.use().state).toBe('away');
    // From here on no call waits at all: none leaves for it.
    for (let i = 0; i < 100; ++i) expect(await tier.get('key')).toBeUndefined();
    redis.goOn();
    await works(tier);
    expect(warnings()).toHaveLength(1);
  });

  test.each(['redis://:wrong@127.0.0.1', 'redis://127.0.0.1'])(
    'of another password (%s) is left alone',
    async (start) => {
      const { port } = await redisOf({ args: ['--requirepass', 'the right one'] });
      const { tier, warnings } = tierOf(`${start}:${port}/0`);
      await until(() => warnings().length > 0);
      await tier.set('key', kBytes);
      expect(await tier.get('key')).toBeUndefined();
      expect(tier.use().state).toBe('away');
      expect(JSON.stringify(warnings())).not.toMatch(/wrong|right/);
    },
  );

  test('that is full takes nothing more, and what it has is not asked for meanwhile', async () => {
    const { url } = await redisOf({ args: ['--maxmemory', '2mb', '--maxmemory-policy', 'noeviction'] });
    const { tier, warnings } = tierOf(url);
    await works(tier);
    for (let i = 0; i < 40; ++i) await tier.set(`k${i}`, Buffer.alloc(200_000, i));
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0][1].reason).toMatch(/OOM/);
  });
});

test('a manager with a Redis, but without its client, says what to install', () => {
  jest.isolateModules(() => {
    jest.doMock('ioredis', () => {
      throw Object.assign(new Error("Cannot find module 'ioredis'"), { code: 'MODULE_NOT_FOUND' });
    });
    const { requireRedis } = require('../../../lib/result-cache');
    expect(requireRedis).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED', message: expect.stringMatching(/npm install ioredis/) }),
    );
    jest.dontMock('ioredis');
  });
});
