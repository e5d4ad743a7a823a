// createService(): which device it takes and why, what it counts, and its end; and ResourceError.
'use strict';
const gpu = require('../../..');
const { choicesOf, checkChoice, openFirst } = require('../../../lib/memory/service/choice');
const { asGpuError, plainError } = require('../../../lib/core');

const card = (id, name = id) => ({ id, backend: id.split(':')[0], type: 'discrete', name });
const cpu = { id: 'cpu:0', backend: 'cpu', type: 'cpu', name: 'a processor' };
const software = { id: 'vulkan:0', backend: 'vulkan', type: 'cpu', name: 'llvmpipe' };
const idsOf = (...given) => choicesOf(...given).map(({ device }) => device.id);
const hasCard = gpu.devices().some(({ backend, type }) => backend !== 'cpu' && type !== 'cpu');

describe('the device', () => {
  test('is the best card, then the next, then the processor', () => {
    const all = [card('cuda:0', 'H200'), card('vulkan:0', 'A770'), cpu, { ...software, id: 'vulkan:1' }];
    expect(idsOf('auto', all)).toEqual(['cuda:0', 'vulkan:0', 'cpu:0']);
    expect(idsOf('gpu', all)).toEqual(['cuda:0', 'vulkan:0']);
    expect(idsOf('cpu', all)).toEqual(['cpu:0']);
    expect(
      choicesOf('auto', all)
        .map(({ reason }) => reason)
        .slice(0, 2),
    ).toEqual(['H200 is the best GPU', 'A770 is the next GPU']);
  });

  test('is never a driver that computes on the processor', () => {
    const [choice] = choicesOf('auto', [cpu, software]);
    expect(choice).toEqual({
      device: cpu,
      reason: 'there is no GPU: vulkan:0, llvmpipe, computes on the processor',
    });
    expect(choicesOf('auto', [cpu])[0].reason).toBe('there is no GPU that a driver was found for');
    for (const devices of [[cpu, software], [cpu], []]) {
      const call = () => choicesOf('gpu', devices);
      expect(call).toThrow(/device is 'gpu', but there is no GPU.*take 'auto' or 'cpu'/);
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
    }
    expect(() => choicesOf('cpu', [software])).toThrow(/no context of the processor/);
    expect(() => choicesOf('auto', [])).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
  });

  test('is the next one where the best can not be opened, and the reason says so', async () => {
    const all = [card('cuda:0', 'H200'), card('vulkan:0', 'A770'), { ...software, id: 'vulkan:1' }, cpu];
    const without = (...closed) =>
      openFirst(choicesOf('auto', all), async ({ id }) => {
        if (closed.includes(id)) throw new gpu.GPUError('ERR_OUT_OF_MEMORY', `${id} is full`);
        return `opened ${id}`;
      });
    expect(await without()).toEqual({
      opened: 'opened cuda:0',
      choice: { device: all[0], reason: 'H200 is the best GPU' },
    });
    expect((await without('cuda:0')).choice.reason).toBe(
      'A770 is the next GPU; cuda:0 could not be opened: cuda:0 is full',
    );
    const { opened, choice } = await without('cuda:0', 'vulkan:0');
    expect([opened, choice.reason]).toEqual([
      'opened cpu:0',
      'no GPU could be opened; cuda:0 could not be opened: cuda:0 is full; ' +
        'vulkan:0 could not be opened: vulkan:0 is full',
    ]);
    await expect(without('cuda:0', 'vulkan:0', 'cpu:0')).rejects.toThrow('cpu:0 is full');
  });

  test.each([5, 'cuda', null, ''])('%j is refused', (device) => {
    expect(() => checkChoice(device)).toThrow(/must be 'auto', 'gpu' or 'cpu'/);
  });
});

test('it runs on what there is, and says why', async () => {
  const service = await gpu.hpcServiceFactory.initialize();
  expect(service).toBeInstanceOf(gpu.EmbeddingService);
  const { embeddings } = await service.processEmbeddings({ embeddings: [[3, 4]] });
  expect(Array.from(embeddings.data, (x) => x.toFixed(3))).toEqual(['0.600', '0.800']);
  expect(gpu.devices().map(({ id }) => id)).toContain(service.device);
  expect(service.reason).toMatch(hasCard ? /is the best GPU/ : /^there is no GPU/);
  expect(await service.health()).toEqual({
    status: 'ok',
    device: service.device,
    reason: service.reason,
    problems: [],
  });
  await service.close();
});

const unlessCard = hasCard ? ' (SKIPPED: there is a card here)' : '';
(hasCard ? test.skip : test)(`a GPU is refused where there is none${unlessCard}`, async () => {
  await expect(gpu.createService({ device: 'gpu' })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
});

test('it counts what it does, gives memory back, and ends', async () => {
  const service = await gpu.createService({ device: 'cpu' });
  expect([service.device, service.reason]).toEqual(['cpu:0', 'the CPU was asked for']);
  const rows = Array.from({ length: 10 }, (_, i) => [i, 1, i * i]);
  const options = { dimension_reduction: 2, basis: 'of a service' };
  await Promise.all([1, 2, 3].map(() => service.processEmbeddings({ embeddings: rows, options })));
  await expect(service.processEmbeddings({ embeddings: [[NaN]] })).rejects.toThrow(/NaN/);
  const metrics = await service.getMetrics();
  expect(metrics).toMatchObject({ device: 'cpu:0', calls: 4, failed: 1, rows: 30, joined: 3, jobs: 2 });
  expect(metrics.latency.p99).toBeGreaterThanOrEqual(metrics.latency.p50);
  expect(metrics.latency.p50).toBeGreaterThan(0);
  expect(metrics.memory.limit).toBeGreaterThan(0);
  await service.cleanup();
  await service.processEmbeddings({ embeddings: rows, options });
  const last = service.processEmbeddings({ embeddings: rows, options });
  const closed = service.close();
  expect(service.close()).toBe(closed);
  await closed;
  expect((await last).dimensions).toBe(2);
  expect(await service.health()).toMatchObject({ status: 'down', problems: ['the service is closed'] });
  for (const call of [service.processEmbeddings({ embeddings: rows }), service.getMetrics(), service.cleanup()])
    await expect(call).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('on a manager it runs on contexts of one kind', async () => {
  const manager = gpu.createGPUClusterManager({ logLevel: 'error' });
  try {
    const service = await manager.createService({ device: 'cpu' });
    const kinds = new Set();
    manager.on('workload-completed', ({ context }) => kinds.add(context.split('-')[1]));
    const { embeddings } = await service.processEmbeddings({ embeddings: [[0, 2]] }, { priority: 3 });
    expect([...embeddings.data]).toEqual([0, 1]);
    const { rows, cluster } = await service.getMetrics();
    expect([rows, typeof cluster.totalContexts]).toEqual([1, 'number']);
    expect(await service.health()).toMatchObject({ status: 'ok', device: 'cpu:0', problems: [] });
    await service.cleanup();
    await service.close();
    expect([...kinds]).toEqual(['cpu']);
    if (!hasCard)
      await expect(manager.createService({ device: 'gpu' })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
    const direct = await manager.processEmbeddings({ embeddings: [[3, 4]], options: { quantization: true } });
    expect([...direct.embeddings.data]).toEqual([95, 127]);
    await expect(manager.processEmbeddings({ embeddings: [[NaN]] })).rejects.toThrow(/row 0/);
    const many = Array.from({ length: 40 }, (_, i) => Array.from({ length: 6 }, (__, j) => Math.sin(i * j + i)));
    const options = { dimension_reduction: 2, basis: 'of a manager' };
    const [whole, part] = [
      await manager.processEmbeddings({ embeddings: many, options }),
      await manager.processEmbeddings({ embeddings: many.slice(7, 9), options }, { contextType: 'cpu', affinity: 'x' }),
    ];
    expect(part.basis).toEqual(whole.basis);
    part.embeddings.data.forEach((x, i) => expect(x).toBeCloseTo(whole.embeddings.data[14 + i], 4));
  } finally {
    await manager.close();
  }
  await expect(manager.createService()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await expect(manager.processEmbeddings({ embeddings: [[1]] })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test.each([[5], [{ devise: 'cpu' }], [{ device: 'cuda' }]])('options %j are refused', async (options) => {
  await expect(gpu.createService(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});

describe('ResourceError', () => {
  test.each(['ERR_OUT_OF_MEMORY', 'ERR_QUEUE_FULL', 'ERR_BUDGET'])('is what has the code %s', (code) => {
    for (const error of [
      new gpu.GPUError(code, 'x'),
      new gpu.ResourceError(code, 'x'),
      asGpuError({ code, message: 'of the addon' }),
      asGpuError(plainError(new gpu.GPUError(code, 'of another process'))),
    ]) {
      expect(error).toBeInstanceOf(gpu.ResourceError);
      expect(error).toBeInstanceOf(gpu.GPUError);
      expect([error.name, error.code]).toEqual(['GPUError', code]);
    }
  });

  test('and nothing else', () => {
    for (const code of ['ERR_TIMEOUT', 'ERR_CLOSED', 'ERR_INVALID_ARGUMENT'])
      expect(new gpu.GPUError(code, 'x')).not.toBeInstanceOf(gpu.ResourceError);
    expect(new Error('x')).not.toBeInstanceOf(gpu.ResourceError);
    expect(() => new gpu.ResourceError('ERR_TIMEOUT', 'x')).toThrow(TypeError);
  });

  test('is what a context that has no memory left gives, be it at once or by a job', async () => {
    const context = await gpu.createContext({ device: 'cpu', memoryLimit: 2 ** 20 });
    const large = gpu.tensor(new Float32Array(2 ** 20), [1024, 1024]);
    const graph = {
      type: 'graph',
      inputs: { x: large },
      nodes: [
        { type: 'normalize', inputs: { input: 'x' }, outputs: { output: 'y' } },
        { type: 'normalize', inputs: { input: 'y' }, outputs: { output: 'z' } },
      ],
      outputs: ['z'],
    };
    await expect(context.run(graph)).rejects.toBeInstanceOf(gpu.ResourceError);
    await context.close();
  });
});
