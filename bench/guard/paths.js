// The paths that are counted: what a user's call takes on the JavaScript thread, whole or in parts. Each sets itself up
// and gives a function that takes the path `times` times.
'use strict';

const kTurn = 50; // inline jobs in a turn of the event loop: fewer than what it lets settle at once
const turn = () => new Promise((resolve) => setImmediate(resolve));
const tensor = (data) => ({ data, shape: [data.length], dtype: 'float32' });
const eight = (value) => tensor(new Float32Array(8).fill(value));
const add = () => ({ type: 'add', inputs: { a: eight(1), b: eight(2) } });
const graph = () => ({
  type: 'graph',
  inputs: { a: eight(1), b: eight(2) },
  nodes: [
    { type: 'add', inputs: { a: 'a', b: 'b' }, outputs: { output: 'sum' } },
    { type: 'multiply', inputs: { a: 'sum', b: 'b' }, outputs: { output: 'product' } },
    { type: 'scale', inputs: { input: 'product' }, params: { factor: 2 }, outputs: { output: 'result' } },
  ],
  outputs: ['result'],
});
const kSource = `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer In { float x[]; };
layout(binding = 1) buffer Out { float y[]; };
layout(push_constant) uniform Params { float factor; uint count; };
void main() { uint i = gl_GlobalInvocationID.x; if (i < count) y[i] = factor * x[i]; }
`;
const kernelJob = (kernel) => ({
  type: 'kernel',
  kernel,
  inputs: { x: eight(3) },
  params: { factor: 2, count: 8 },
  outputs: { y: { shape: [8], dtype: 'float32' } },
  threads: 8,
});

// Runs a job again and again, each after the one before has settled.
const oneByOne = (job) => async (times) => {
  for (let i = 0; i < times; ++i) {
    await job();
    if (i % kTurn === kTurn - 1) await turn();
  }
};

// A context whose addon takes every job and has its result at once: what is left is describing, checking, encoding and
// making the result.
function hollowContext({ GPUContext, scratch, layout, settle }) {
  const device = { id: 'cpu:0', name: 'none', backend: 'cpu', type: 'cpu', features: { graphics: false } };
  const output = new ArrayBuffer(32);
  const answer = () => {
    scratch[layout.resultCount] = 1;
    scratch.set([1, 0, 1, 8], layout.resultOutputs); // float32 [8]
    scratch.fill(0, layout.resultQueued, layout.resultTotal + 1);
    return output;
  };
  return new GPUContext({
    device: () => device,
    run: answer,
    runGraph: () => {
      const id = scratch[layout.callId];
      queueMicrotask(() => settle(id, null, answer()));
    },
  });
}

async function standalone({ createGPUClusterManager }) {
  const manager = createGPUClusterManager({
    contextTypes: ['cpu'],
    contextsPerWorker: 1,
    logLevel: 'error',
  });
  await manager.ready;
  return manager;
}

// The process's own jobs on `device`; none where there is no such device.
async function onDevice({ createContext }, device, make) {
  const context = await createContext({ device, ...(device === 'cpu' && { threads: 1 }) });
  const job = await make(context);
  return { context, job };
}

// ---- queue and coordinator

let lastNumber = 0;
function queuedJob(i, requester) {
  const job = {
    number: ++lastNumber,
    [requester]: i % 4,
    priority: i % 3,
    enqueued: 0,
    deadline: i % 2 ? 1e9 + i : Infinity,
  };
  Object.assign(job, {
    kind: i % 8 ? 'vector' : 'matrix',
    contextType: i % 5 ? '' : 'cpu',
    affinity: 0,
    workload: i % 6,
  });
  Object.assign(job, { cost: 0.01, bytes: 4096, alone: false, excluded: -1, joinKey: i % 4 ? 0 : 7, inputs: [] });
  return job;
}

function openContext(id, type) {
  const context = {
    id,
    member: 0,
    workerId: 1,
    type,
    software: false,
    canDraw: false,
    state: 'idle',
    pending: 0,
    room: 4,
  };
  Object.assign(context, {
    pendingMs: 0,
    memoryFree: 2 ** 30,
    holds: () => false,
    programs: undefined,
    workerRunning: 0,
  });
  return Object.assign(context, { workerRoom: 8, lastUsed: 0, speed: () => undefined, affinities: new Set() });
}

const kQueued = 64;
// 64 jobs of four requesters, in three priorities, some with deadlines, some that join: admitted, chosen and placed.
function queueAndSchedule({ requester, JobQueue, chooseContext, joinLimit, companions }) {
  const contexts = [openContext('a', 'cpu'), openContext('b', 'cpu'), openContext('c', 'vulkan')];
  return (times) => {
    for (let done = 0; done < times; done += kQueued) {
      const queue = new JobQueue({ limit: 1000 });
      for (let i = 0; i < kQueued; ++i) queue.push(queuedJob(i, requester));
      let now = 1;
      while (queue.size) {
        let context;
        const job = queue.next(now++, (each) => (context = chooseContext(each, contexts, now)) !== undefined);
        if (!job) throw new Error('a job found no context');
        queue.takeMatching(job, joinLimit(job, context), companions(job, context));
      }
    }
  };
}

// A coordinator of one worker with one context, whose channels are only looked into.
function coordinatorOfOne(parts) {
  const refuse = () => {
    throw new Error('the coordinator met what the guard has no job for');
  };
  const { Coordinator, Member, ContextView, Speeds, MetricsBlock, readConfig, protocol, Degradation } = parts;
  const degradation = Degradation && new Degradation(Infinity, () => 0, refuse);
  const quiet = { debug() {}, info() {}, warn() {}, error() {}, isLevelEnabled: () => false };
  const speeds = new Speeds();
  const all = [];
  const coordinator = new Coordinator({
    config: readConfig({}, {}),
    log: quiet,
    metrics: { own: new MetricsBlock() },
    speeds,
    contexts: () => all,
    mayHave: () => true,
    goneFor: () => undefined,
    onStuck: refuse,
    onContextLost: refuse,
    onStopped: refuse,
    degradation: () => degradation,
    emit() {},
  });
  const member = new Member({ slot: 1, workerId: 1, pid: 1, inProcess: false, maxConcurrent: 4 });
  const seen = { results: 0, assigned: [] };
  member.ask = { post: () => ++seen.results };
  member.run = {
    post(numbers) {
      const { assign, assigned } = protocol;
      let at = assign.jobs;
      for (let i = 0; i < numbers[assign.count]; ++i, at += assigned.body + numbers[at + assigned.length])
        seen.assigned.push(numbers[at + assigned.number]);
      return true;
    },
  };
  member.state = 'ready';
  const device = { id: 'cpu:0', backend: 'cpu', type: 'cpu', features: { graphics: false } };
  all.push(new ContextView(member, { index: 0, id: '1-cpu-0', memoryLimit: 2 ** 29 }, device, speeds));
  member.contexts = all;
  return { coordinator, member, seen };
}

// `width` jobs at a time: asked for, given to the context, done, their results sent.
function coordinate(parts, width, joinKey) {
  const { coordinator, member, seen } = coordinatorOfOne(parts);
  const { ask, done, kAsk, kDone } = parts.protocol;
  const asking = new Float64Array(ask.body + 16);
  asking.set([asking.length, kAsk]);
  asking[ask.retries] = 2;
  asking[ask.flops] = 8;
  asking[ask.bytes] = 96;
  asking[ask.joinKey] = joinKey;
  asking[ask.memory] = 96;
  const ending = new Float64Array(done.text);
  ending.set([ending.length, kDone]);
  let number = 0;
  return (times) => {
    const before = seen.results;
    for (let i = 0; i < times; i += width) {
      for (let each = 0; each < width; ++each) {
        asking[ask.number] = ++number;
        asking[ask.deadline] = 1e12 + number;
        coordinator.onAsk(member, asking, 0);
      }
      coordinator.dispatch();
      while (seen.assigned.length) {
        const assigned = seen.assigned.splice(0);
        ending[done.batch] = assigned.length;
        for (const job of assigned) {
          ending[done.number] = job;
          coordinator.onDone(member, ending, 0);
        }
        coordinator.dispatch();
      }
    }
    if (seen.results - before !== times) throw new Error(`${seen.results - before} of ${times} jobs were settled`);
  };
}

/**
 * @typedef {object} Path
 * @property {string} name
 * @property {string} what
 * @property {number} times it is taken while it is counted
 * @property {(parts: any, probe: any) => any} setUp gives the function that takes it
 */
/** @type {Path[]} */
module.exports = [
  {
    name: 'encode-workload',
    what: 'describe, check and encode `add` of 8 elements; its result',
    times: 1000,
    setUp: (parts) => {
      const context = hollowContext(parts);
      const job = add();
      return oneByOne(() => context.run(job));
    },
  },
  {
    name: 'encode-graph',
    what: 'the same for a graph of 3 nodes',
    times: 1000,
    setUp: (parts) => {
      const context = hollowContext(parts);
      const job = graph();
      return oneByOne(() => context.run(job));
    },
  },
  {
    name: 'encode-kernel',
    what: "the same for a user's kernel with 2 buffers and 2 parameters",
    times: 1000,
    setUp: async (parts) => {
      const { job } = await onDevice(parts, 'cpu', async (context) =>
        kernelJob(await context.compileKernel({ name: 'scale', glsl: kSource })),
      );
      const context = hollowContext(parts);
      return oneByOne(() => context.run(job));
    },
  },
  {
    name: 'inline-cpu',
    what: '`add` of 8 elements on the CPU, inside its call',
    times: 1000,
    setUp: async (parts) => {
      const { context, job } = await onDevice(parts, 'cpu', add);
      return oneByOne(() => context.run(job));
    },
  },
  {
    name: 'record-vulkan',
    what: '`add` of 8 elements recorded and submitted on Vulkan, without its driver',
    times: 200,
    vulkan: true,
    setUp: async (parts, { pause }) => {
      const { context, job } = await onDevice(parts, 'vulkan', add);
      return oneByOne(() => context.run(job).then(pause));
    },
  },
  {
    name: 'record-kernel',
    what: "a user's kernel recorded and submitted on Vulkan, without its driver",
    times: 200,
    vulkan: true,
    setUp: async (parts, { pause }) => {
      const { context, job } = await onDevice(parts, 'vulkan', async (it) =>
        kernelJob(await it.compileKernel({ name: 'scale', glsl: kSource })),
      );
      return oneByOne(() => context.run(job).then(pause));
    },
  },
  {
    name: 'schedule',
    what: 'a job through queue, scheduler and batcher, 64 waiting',
    times: 64 * 20,
    setUp: (parts) => queueAndSchedule(parts),
  },
  {
    name: 'coordinate',
    what: 'a job from ask to result in the coordinator, one at a time',
    times: 1000,
    setUp: (parts) => coordinate(parts, 1, 0),
  },
  {
    name: 'coordinate-joined',
    what: 'the same, 16 at a time that join',
    times: 16 * 60,
    setUp: (parts) => coordinate(parts, 16, 77),
  },
  {
    name: 'manager-here',
    what: '`executeWorkload` of `add` on an idle context of the process',
    times: 1000,
    setUp: async (parts) => {
      const manager = await standalone(parts);
      const job = add();
      return oneByOne(() => manager.executeWorkload(job));
    },
  },
  {
    name: 'manager-asked',
    what: 'the same by way of the coordinator: ask, assign, done, result',
    times: 400,
    setUp: async (parts, { pause }) => {
      const manager = await standalone(parts);
      const job = add();
      return oneByOne(() => manager.executeWorkload(job, { affinity: 'a' }).then(pause));
    },
  },
  {
    name: 'manager-cached',
    what: 'the same with `cache: true`, which takes a digest and finds a result that is kept',
    times: 400,
    setUp: async (parts, { pause }) => {
      const manager = await standalone(parts);
      const job = add();
      return oneByOne(() => manager.executeWorkload(job, { cache: true }).then(pause));
    },
  },
];
