// Errors of jobs as statuses of HTTP, and what of them does not leave the process.
'use strict';
const { useServer, post, failed, kMB } = require('../../support/http-service');

const server = useServer({ bodyLimit: kMB });

describe('errors of jobs', () => {
  test.each([
    ['ERR_INVALID_ARGUMENT', 400],
    ['ERR_UNKNOWN_WORKLOAD', 400],
    ['ERR_COMPILE', 400],
    ['ERR_UNSUPPORTED', 501],
    ['ERR_TIMEOUT', 504],
    ['ERR_CANCELED', 499],
    ['ERR_OUT_OF_MEMORY', 507],
    ['ERR_CLOSED', 503],
    ['ERR_WORKER_LOST', 503],
    ['ERR_DEVICE_LOST', 503],
  ])('%s is %i', async (code, expected) => {
    server.manager.failures.bad = failed(code, 'what was wrong');
    const { status, json, headers } = await post(server.port, { type: 'bad', id: 'j' });
    expect(status).toBe(expected);
    expect(json.error).toMatchObject({ code, message: 'what was wrong', workloadId: 'j' });
    expect(headers['retry-after']).toBe(expected === 503 ? '1' : undefined);
  });

  test('a full queue says when to come again', async () => {
    server.manager.failures.bad = failed('ERR_QUEUE_FULL', 'the queue is full', { retryAfter: 1250 });
    const { status, json, headers } = await post(server.port, { type: 'bad' });
    expect(status).toBe(429);
    expect(headers['retry-after']).toBe('2');
    expect(json.error.retryAfter).toBe(1250);
  });

  test('what else an error says goes along; folders in a log do not', async () => {
    const details = { argument: 'nodes[1].inputs.a', line: 3, column: 7, log: '/opt/app/k.comp:3: no' };
    server.manager.failures.bad = failed('ERR_COMPILE', 'no', { ...details, secret: 1 });
    const { json } = await post(server.port, { type: 'bad', id: 'j' });
    expect(json.error).toEqual({
      code: 'ERR_COMPILE',
      message: 'no',
      workloadId: 'j',
      ...details,
      log: 'k.comp:3: no',
    });
  });

  test.each([
    [{ type: 'bad', inputs: { a: { data: [1], shape: [2] } } }, 'inputs.a'],
    [{ type: 'bad', inputs: { a: [1, 'x'] } }, 'inputs.a'],
    [{ type: 'bad', inputs: [] }, 'inputs'],
    [{ type: 'bad', params: 5 }, 'params'],
    [{ type: 'bad', id: 5 }, 'id'],
    [{ type: 7 }, 'type'],
    [{ type: 'bad', options: { timout: 1 } }, 'options.timout'],
    [{ type: 'bad', options: { encoding: 'hex' } }, 'options.encoding'],
    [{ type: 'bad', inputz: {} }, 'inputz'],
  ])('%j: which part was wrong', async (body, argument) => {
    const { status, json } = await post(server.port, body);
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument });
  });

  test('an internal error shows nothing of the inside; the log has it, without folders', async () => {
    server.manager.failures.bad = Object.assign(new TypeError('cannot read /home/someone/app/secret.js'), {
      argument: 'secret',
      log: 'secret',
    });
    const { status, text } = await post(server.port, { type: 'bad', id: 'j' });
    expect(status).toBe(500);
    expect(text).not.toMatch(/secret|home/);
    expect(server.lines.at(-1).fields).toMatchObject({
      workloadId: 'j',
      code: 'ERR_INTERNAL',
      reason: 'cannot read secret.js',
    });
  });

  test('a folder in an error message does not leave', async () => {
    server.manager.failures.bad = failed('ERR_UNSUPPORTED', 'the addon is missing: /opt/app/build/x.node');
    expect((await post(server.port, { type: 'bad' })).json.error.message).toBe('the addon is missing: x.node');
  });
});
