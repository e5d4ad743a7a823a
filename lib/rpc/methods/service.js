// Methods on jobs and on the service itself.
'use strict';
const { anyObject, boolean, integer, list, object, oneOf, string } = require('../schemas');

const kEvents = [
  'context-switch',
  'workload-completed',
  'workload-failed',
  'progress',
  'worker-ready',
  'worker-left',
  'worker-lost',
  'context-lost',
  'memory-pressure',
  'tensor-published',
  'queue-full',
  'alert',
  'budget',
  'degradation',
  'metrics',
  'contexts',
  'health',
  'kept',
];

/** @type {readonly import('../methods').Method[]} */
const kService = [
  {
    name: 'executeWorkload',
    title: 'Run a workload',
    description:
      'Runs a workload, a graph of them or a scene on whichever context suits best: listWorkloads says which there ' +
      'are. Kernels and shaders are code: they run only for tokens whose scope says so.',
    scope: 'read',
    onDevice: true,
    repeatable: true,
    streams: true,
    tensors: ['inputs.*'],
    params: {
      ...object(
        {
          type: string("the workload's name, 'graph', or 'render' with a scene", { minLength: 1, maxLength: 128 }),
          inputs: anyObject('tensors by name; { ref: name }: a published one'),
          params: anyObject('by name'),
          id: string('one is made where there is none', { minLength: 1, maxLength: 128 }),
          nodes: list('of a graph', anyObject('{ id, type, inputs, params }')),
          outputs: { type: ['array', 'object'], description: 'of a graph or a kernel' },
          scene: string("a picture's name"),
          width: integer('of a picture', 1),
          height: integer('of a picture', 1),
          time: { type: 'number', description: 'of a picture' },
          split: boolean('over several devices, where the type can be', false),
          kernel: anyObject('{ name, glsl, cuda, bindings }: source texts'),
          threads: { type: ['integer', 'array'], description: 'of a kernel' },
          options: anyObject('priority, timeout, contextType, affinity, cache, retries, encoding'),
        },
        ['type'],
      ),
    },
    result: anyObject('outputs by name, workloadId, contextId, contextType, deviceName, timings and more'),
    handler: (parts, params, call) => require('../handlers/workloads').executeWorkload(parts, params, call),
  },
  {
    name: 'listWorkloads',
    title: 'List workloads',
    description: 'The built-in workloads, each with its inputs, parameters and outputs, and the scenes.',
    scope: 'read',
    repeatable: true,
    params: object({}),
    result: object({ workloads: list('each', anyObject('type, inputs, params, outputs')) }, ['workloads']),
    handler: (parts, params, call) => require('../handlers/workloads').listWorkloads(parts, params, call),
  },
  {
    name: 'listDevices',
    title: 'List devices',
    description: 'The devices that jobs run on, and the contexts on each.',
    scope: 'read',
    repeatable: true,
    params: object({}),
    result: object({ devices: list('each', anyObject('id, contextType, name, contexts')) }, ['devices']),
    handler: (parts, params, call) => require('../handlers/service').listDevices(parts, params, call),
  },
  {
    name: 'getMetrics',
    title: 'Read metrics',
    description: 'The most used figures of the cluster: jobs, latency, memory. Durations in ms, memory in MB.',
    scope: 'read',
    repeatable: true,
    params: object({}),
    result: anyObject('the figures of docs/metrics.md'),
    handler: (parts, params, call) => require('../handlers/service').getMetrics(parts, params, call),
  },
  {
    name: 'health',
    title: 'Check health',
    description: 'How the cluster is: ok, degraded or down, with its contexts and its queue.',
    scope: 'read',
    repeatable: true,
    params: object({}),
    result: anyObject('status, contexts, queue, draining'),
    handler: (parts, params, call) => require('../handlers/service').health(parts, params, call),
  },
  {
    name: 'listKept',
    title: 'List what is kept',
    description:
      'The models that clients may name, and the memories and indexes that are kept, with their sizes as far as they ' +
      'are open.',
    scope: 'read',
    repeatable: true,
    params: object({}),
    result: object(
      {
        models: list('each', anyObject('name, isOpen; of one that is open kind, family, dimensions, precision, bytes')),
        memories: list('each', anyObject('name, isOpen; of one that is open documents, passages, dimensions')),
        indexes: list('each', anyObject('name, isOpen, dimensions, metric, dtype; of one that is open size, bytes')),
      },
      ['models', 'memories', 'indexes'],
    ),
    handler: (parts) => require('../handlers/kept').kept(parts),
  },
  {
    name: 'cleanup',
    title: 'Give memory back',
    description: 'Gives unused memory back, in every process of the cluster: what helps where memory was short.',
    scope: 'admin',
    repeatable: true,
    params: object({}),
    result: object({ done: boolean('it was asked for') }, ['done']),
    handler: (parts, params, call) => require('../handlers/service').cleanup(parts, params, call),
  },
  {
    name: 'subscribe',
    title: 'Subscribe to events',
    description:
      'Sends events of the cluster as notifications `event` on this connection, and every so often what getMetrics, ' +
      'health and listKept answer and what contexts there are, until it is canceled or the connection ends. What a ' +
      'client does not read in time is left out, and counted.',
    scope: 'read',
    needsConnection: true,
    params: object({
      events: list('which; metrics, contexts, health, kept: now and every so often', oneOf('an event', kEvents), {
        minItems: 1,
        uniqueItems: true,
      }),
      interval: integer('milliseconds between two notifications of metrics and the like', 250, 3_600_000, {
        default: 5000,
      }),
      cancel: string('a subscription that is to end'),
    }),
    result: object({ subscription: string('its name, which each notification has'), active: boolean('it goes on') }, [
      'subscription',
      'active',
    ]),
    handler: (parts, params, call) => require('../handlers/subscribe').subscribe(parts, params, call),
  },
];

module.exports = { kService, kEvents };
