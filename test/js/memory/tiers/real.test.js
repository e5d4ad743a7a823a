// Tiers with the numbers of real contexts, of the system, and of a cluster of one process.
'use strict';
const { once } = require('node:events');
const { gpu, random } = require('../../../support/random-data');
const { GPUContext } = require('../../../../lib/context');

const kMegabyte = 2 ** 20;
const kFloats = kMegabyte / 4; // of a megabyte

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Whether two are equal, bit by bit: Jest compares element by element. */
const isSame = (a, b) => Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer));
const numbered = (megabytes, from) => Float32Array.from({ length: megabytes * kFloats }, (_, i) => from + i);

describe('a context', () => {
  const devices = gpu.devices().map(({ id }) => id);

  test.each(devices)('%s tells that its memory fills up, and is free again', async (device) => {
    const context = await gpu.createContext({ device, memoryLimit: 32 * kMegabyte });
    const told = [];
    context.on('memory-pressure', (event) => told.push(event));
    const tensors = [];
    const add = async (megabytes) => tensors.push(await context.upload(new Float32Array(megabytes * kFloats)));
    await add(16);
    await add(8);
    await once(context, 'memory-pressure');
    await add(4);
    await once(context, 'memory-pressure');
    for (const tensor of tensors) tensor.release();
    await once(context, 'memory-pressure');
    const ofDevice = told.filter(({ tier }) => tier === 'device');
    expect(ofDevice.map(({ state }) => state)).toEqual(['high', 'recovery', 'normal']);
    expect(ofDevice[1]).toMatchObject({
      of: context.id,
      contextId: context.id,
      used: 28 * kMegabyte,
      limit: 32 * kMegabyte,
      memoryUsage: 28,
      utilization: 87.5,
    });
    await context.close();
  });

  test.each(devices)('%s moves tensors together before it refuses one', async (device) => {
    const context = await gpu.createContext({ device, memoryLimit: 16 * kMegabyte });
    const tensors = [];
    for (let i = 0; i < 16; ++i) tensors.push(await context.upload(numbered(1, i)));
    for (let i = 0; i < 16; i += 2) tensors[i].release();
    const { largestFree, used } = context.memoryUsage;
    expect([largestFree, used]).toEqual([kMegabyte, 8 * kMegabyte]);
    const large = await context.upload(numbered(8, 99));
    expect(isSame((await large.read()).data, numbered(8, 99))).toBe(true);
    for (let i = 1; i < 16; i += 2) expect(isSame((await tensors[i].read()).data, numbered(1, i))).toBe(true);
    expect(context.memoryUsage).toMatchObject({ used: 16 * kMegabyte, largestFree: 0 });
    await context.close();
  });

  const gpus = gpu.devices().filter(({ backend }) => backend !== 'cpu');
  (gpus.length ? test.each(gpus.map(({ id }) => id)) : test.skip.each(['a device with memory of its own']))(
    '%s: copies of an index go when it is nearly full, and come back',
    async (device) => {
      const context = await gpu.createContext({ device, memoryLimit: 64 * kMegabyte });
      const index = await context.createIndex({ dimensions: 1024 });
      const rows = 5000; // the first segment has 4096, 16 MB
      await index.add(
        Array.from({ length: rows }, (_, i) => i),
        numbered(20, 1).subarray(0, rows * 1024),
      );
      await index.compact();
      const isPlaced = () => index.stats().segments.every(({ sealed, placed }) => !sealed || placed);
      while (!isPlaced()) await new Promise(setImmediate);
      const query = random(1024, 5);
      const expected = await index.search(query);
      const filler = await context.upload(new Float32Array(35 * kFloats));
      while (index.stats().segments.some(({ placed }) => placed)) await sleep(50);
      expect(await index.search(query)).toEqual(expected);
      filler.release();
      do {
        expect(await index.search(query)).toEqual(expected);
        await sleep(50);
      } while (!isPlaced());
      await index.close();
      await context.close();
    },
  );

  test('nothing is looked at that nobody asks for', async () => {
    const context = await gpu.createContext({ device: 'cpu' });
    const read = jest.spyOn(GPUContext.prototype, 'memoryUsage', 'get');
    await sleep(1500);
    expect(read).not.toHaveBeenCalled();
    read.mockRestore();
    await context.close();
  });
});

test('a manager: health, metrics, and an index say how full memory is', async () => {
  const manager = gpu.createGPUClusterManager({
    contextTypes: ['cpu'],
    contextsPerWorker: 1,
    hostMemoryLimit: '512 GB',
  });
  await manager.ready;
  const { memory } = await manager.health();
  const [host, device] = ['host', 'device'].map((name) => memory.filter(({ tier }) => tier === name));
  expect(host).toHaveLength(1);
  expect(host[0].used).toBeGreaterThan(0);
  expect(host[0].limit).toBeLessThanOrEqual(512 * 2 ** 30);
  expect(device).toMatchObject([{ of: manager.contexts()[0].id, state: 'normal', limit: 512 * kMegabyte }]);
  const text = await manager.prometheus();
  expect(text).toMatch(/^switchyard_memory_tier_bytes\{tier="host",of="[^"]+",which="used"\} \d+$/m);
  expect(text).toMatch(/^switchyard_memory_tier_state\{tier="device",of="[^"]+"\} 0$/m);
  const index = await manager.createIndex({ dimensions: 4 });
  expect(index.stats().tiers).toMatchObject([{ tier: 'host' }]);
  await index.close();
  await manager.close();
});

test('a manager whose host is full says so, and its indexes refuse what is written', async () => {
  // Every process of Node's has more than that.
  const manager = gpu.createGPUClusterManager({
    contextTypes: ['cpu'],
    contextsPerWorker: 1,
    hostMemoryLimit: '64 MB',
  });
  const [event] = await once(manager, 'memory-pressure');
  expect(event).toMatchObject({ tier: 'host', state: 'recovery', limit: 64 * kMegabyte, memoryLimit: 64, workerId: 0 });
  expect(event.utilization).toBeGreaterThan(80);
  expect(event.contextId).toBeUndefined();
  expect((await manager.health()).memory[0]).toMatchObject({ tier: 'host', state: 'recovery' });
  const index = await manager.createIndex({ dimensions: 2 });
  await expect(index.add(['a'], Float32Array.of(1, 2))).rejects.toMatchObject({
    code: 'ERR_OUT_OF_MEMORY',
    message: expect.stringMatching(
      /^the index takes nothing more: \d+ of the host's limit of 67108864 bytes .*hostMemoryLimit$/,
    ),
  });
  expect(index.size).toBe(0);
  await index.close();
  await manager.close();
});

test('so does an index of a context, by the environment, and the context tells of it', async () => {
  process.env.GPU_HOST_MEMORY_LIMIT = '64';
  try {
    const context = await gpu.createContext({ device: 'cpu' });
    const events = once(context, 'memory-pressure');
    const index = await context.createIndex({ dimensions: 2 });
    await expect(index.add(['a'], Float32Array.of(1, 2))).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
    expect((await events)[0]).toMatchObject({ tier: 'host', state: 'recovery', limit: 64 * kMegabyte });
    await index.close();
    await context.close();
  } finally {
    delete process.env.GPU_HOST_MEMORY_LIMIT;
  }
});
