// The manifests for Kubernetes: each as its schema says, and what we rely on in them.
'use strict';
const fs = require('node:fs');
const { parseAllDocuments } = require('yaml');
const { inRoot } = require('../../support/paths');
const { kSettings } = require('../../../lib/config');
const { kEndpoints } = require('../../../lib/service/endpoints');
const { kMetrics } = require('../../../lib/metrics/table');
const { nameOf } = require('../../../lib/metrics/prometheus');

/** Strictly: a key that stands twice is an error. */
function read(name) {
  const documents = parseAllDocuments(fs.readFileSync(inRoot('deploy', 'kubernetes', name), 'utf8'), { strict: true });
  for (const { errors, warnings } of documents) expect([...errors, ...warnings]).toEqual([]);
  return documents.map((each) => each.toJS());
}

const all = read('switchyard.yaml');
const [scaling] = read('scaling.yaml');
const of = (kind, name) => all.find((each) => each.kind === kind && (!name || each.metadata.name === name));
const set = of('StatefulSet');
const pod = set.spec.template.spec;
const [container] = pod.containers;
const settings = of('ConfigMap').data;

test.each(all.map((each) => [each.kind, each.metadata.name, each]))(
  '%s %s is as its schema says',
  (kind, _, manifest) => {
    const models = require(`kubernetes-models/${manifest.apiVersion}`);
    expect(models[kind]).toBeDefined();
    expect(() => new models[kind](manifest).validate()).not.toThrow();
    const unknown = { ...manifest, spec: { ...manifest.spec, selector: 7 } };
    if (manifest.spec) expect(() => new models[kind](unknown).validate()).toThrow();
  },
);

test('what is selected is what there is', () => {
  const labels = set.spec.template.metadata.labels;
  for (const selector of [set.spec.selector.matchLabels, of('PodDisruptionBudget').spec.selector.matchLabels])
    expect(labels).toMatchObject(selector);
  for (const service of all.filter(({ kind }) => kind === 'Service')) {
    expect(labels).toMatchObject(service.spec.selector);
    const ports = new Map(container.ports.map(({ name, containerPort }) => [name, containerPort]));
    for (const { targetPort, port } of service.spec.ports) expect(ports.get(targetPort)).toBe(port);
  }
  expect(of('Service', set.spec.serviceName).spec.clusterIP).toBe('None');
  const claims = set.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name);
  const volumes = new Set([...claims, ...pod.volumes.map(({ name }) => name)]);
  expect(new Set(container.volumeMounts.map(({ name }) => name))).toEqual(volumes);
});

test('probes ask endpoints that need no token, each for its own question', () => {
  const open = new Set(kEndpoints.filter(({ scope }) => scope === 'open').map(({ path }) => path));
  const { startupProbe, readinessProbe, livenessProbe } = container;
  for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) expect(open).toContain(httpGet.path);
  expect(readinessProbe.httpGet.path).toBe('/health/ready');
  expect(livenessProbe.httpGet.path).toBe('/health/live');
  // Before a service of a slow driver is ready it is not ended; a primary may take 2 s to answer.
  expect(startupProbe.failureThreshold * startupProbe.periodSeconds).toBeGreaterThanOrEqual(60);
  for (const { timeoutSeconds } of [readinessProbe, livenessProbe]) expect(timeoutSeconds).toBeGreaterThan(2);
});

test('it drains within its grace period', () => {
  const [, before] = container.lifecycle.preStop.exec.command;
  const drainMs = Number(settings.HTTP_DRAIN_TIMEOUT);
  expect(Number(before) + (2 * drainMs + 5000) / 1000).toBeLessThanOrEqual(pod.terminationGracePeriodSeconds);
});

test('settings are settings', () => {
  const known = new Set(kSettings.flatMap(({ env = [] }) => env));
  for (const name of [...Object.keys(settings), ...container.env.map((each) => each.name)])
    expect(known).toContain(name);
  expect(container.env.find(({ name }) => name === 'AUTH_TOKEN').valueFrom.secretKeyRef.name).toBe('switchyard');
  expect(container.args).not.toContain('--allow-anonymous');
});

test('a card is asked for, and nothing that an ordinary user does not need', () => {
  const { requests, limits } = container.resources;
  expect(requests['nvidia.com/gpu']).toBe(1);
  expect(limits['nvidia.com/gpu']).toBe(requests['nvidia.com/gpu']);
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, fsGroup: 1000 });
  // What is written to lies on volumes.
  const written = ['/var/cache/switchyard', '/data', '/dev/shm', '/tmp'];
  expect(container.volumeMounts.map(({ mountPath }) => mountPath).sort()).toEqual(written.sort());
});

test('disruptions take one pod at a time', () => {
  expect(of('PodDisruptionBudget').spec.maxUnavailable).toBe(1);
});

test('it is scaled by a metric that there is, on the set that there is', () => {
  expect(scaling).toMatchObject({ apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject' });
  expect(Object.keys(scaling.spec).sort()).toEqual([
    'cooldownPeriod',
    'maxReplicaCount',
    'minReplicaCount',
    'pollingInterval',
    'scaleTargetRef',
    'triggers',
  ]);
  expect(scaling.spec.scaleTargetRef).toEqual({ apiVersion: set.apiVersion, kind: set.kind, name: set.metadata.name });
  const [{ type, metadata }] = scaling.spec.triggers;
  expect(type).toBe('prometheus');
  const names = new Set(kMetrics.map(nameOf));
  for (const [name] of metadata.query.matchAll(/switchyard_\w+/g)) expect(names).toContain(name);
  expect(Number(metadata.threshold)).toBeGreaterThan(Number(metadata.activationThreshold));
  expect(scaling.spec.minReplicaCount).toBeGreaterThan(0);
});

test('kustomize takes the files that there are', () => {
  const [{ kind, resources }] = read('kustomization.yaml');
  expect(kind).toBe('Kustomization');
  for (const name of resources) expect(fs.existsSync(inRoot('deploy', 'kubernetes', name))).toBe(true);
});
