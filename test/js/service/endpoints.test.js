// The other endpoints: the list at /, health, contexts, metrics.
'use strict';
const { useServer, request, post, raw, kMB } = require('../../support/http-service');

const server = useServer({ bodyLimit: kMB });

describe('the other endpoints', () => {
  test('GET / lists the endpoints and a request that works', async () => {
    const { text, headers } = await request(server.port, '/');
    expect(headers['content-type']).toMatch(/text\/plain/);
    for (const path of ['/v1/workloads', '/health/live', '/health/ready', '/health/gpu', '/health/cluster', '/metrics'])
      expect(text).toContain(path);
    const { json } = await request(server.port, '/', { headers: { accept: 'application/json' } });
    expect(json.name).toBe('switchyard');
    expect((await post(server.port, json.example.body)).status).toBe(200);
    expect(json.example.curl).toContain(`http://127.0.0.1:${server.port}/v1/workloads`);
  });

  test('a Host that could do harm in a shell is not repeated', async () => {
    expect(
      (await raw(server.port, 'GET / HTTP/1.1\r\nhost: $(reboot)\r\nconnection: close\r\n\r\n', { keepOpen: true }))
        .text,
    ).not.toContain('reboot');
  });

  test('/health/gpu wants a context that passed its self-test, of the kind asked for', async () => {
    expect(await request(server.port, '/health/gpu')).toMatchObject({
      status: 200,
      json: { status: 'ok', contextId: '1-cpu-0', ageMs: 120 },
    });
    expect((await request(server.port, '/health/gpu?require=cpu')).status).toBe(200);
    expect((await request(server.port, '/health/gpu?require=cuda')).status).toBe(503); // lost
    expect((await request(server.port, '/health/gpu?require=vulkan')).status).toBe(503); // not there yet
  });

  test('/health/cluster, /v1/contexts and /metrics', async () => {
    expect(await request(server.port, '/health/cluster')).toMatchObject({
      status: 200,
      json: { status: 'ok', workers: [{ id: 1, loopAgeMs: 1, deviceAgeMs: null }], queue: { limit: 10 } },
    });
    server.manager.status = 'down';
    expect((await request(server.port, '/health/cluster')).status).toBe(503);
    expect(await request(server.port, '/health/ready')).toMatchObject({ status: 503, json: { status: 'down' } });
    server.manager.status = 'ok';
    expect((await request(server.port, '/v1/contexts')).json.contexts).toHaveLength(3);
    expect(await request(server.port, '/metrics')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      text: expect.stringMatching(/switchyard_pending 0/),
    });
  });

  test('a primary that does not answer is a 503, soon', async () => {
    const { health } = server.manager;
    server.manager.health = () => new Promise(() => {});
    expect((await request(server.port, '/health/ready')).status).toBe(503);
    expect((await request(server.port, '/health/live')).status).toBe(200);
    server.manager.health = health;
  });
});
