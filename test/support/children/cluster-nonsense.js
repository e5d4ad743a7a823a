// A cluster in which one side sends the other something that makes no sense: node cluster-nonsense.js <scenario>
// <message as JSON>. Prints JSON; its logs go to stderr.
'use strict';
const cluster = require('node:cluster');
const { sleep, until } = require('../waiting');
const { scale, slowJob } = require('../jobs');
const { Channel } = require('../../../lib/cluster/wire/channel');
const protocol = require('../../../lib/cluster/wire/protocol');
const { native } = require('../../../lib/addon');
const gpu = require('../../..');

const [scenario, message] = (process.env.NONSENSE ??= process.argv.slice(2).join('|')).split('|');
const settings = { contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'error' };
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const double = async (manager) => {
  const { outputs, workerId } = await manager.executeWorkload(scale(new Float32Array([1, 2, 3])));
  return [Array.from(outputs.output.data), workerId];
};
const codeOf = (promise) =>
  promise.then(
    () => 'done',
    ({ code }) => code,
  );
const answerOf = (worker, question) =>
  new Promise((resolve) => {
    worker.on('message', function listen(answer) {
      if (answer?.said === undefined) return;
      worker.removeListener('message', listen);
      resolve(answer.said);
    });
    worker.send(question);
  });
const numbersOf = (text) => {
  const value = JSON.parse(text);
  const { kText, text: at } = protocol;
  if (!Array.isArray(value)) return protocol.withText(kText, at, typeof value === 'string' ? value : text);
  return new Float64Array(value.map((each) => (each === null ? NaN : each)));
};

/** The channels that this process has posted on, in the order of their first message. */
function watchChannels() {
  const channels = new Set();
  const { post } = Channel.prototype;
  Channel.prototype.post = function (...args) {
    channels.add(this);
    return post.apply(this, args);
  };
  return channels;
}

/** Two workers of the application; the first says something odd, or is told something odd. */
async function primary() {
  const channels = watchChannels();
  const manager = gpu.createGPUClusterManager(settings);
  const workers = [cluster.fork(), cluster.fork()];
  const exits = [];
  for (const worker of workers) worker.on('exit', (code) => exits.push(code));
  const lost = new Promise((resolve) => {
    manager.on('worker-lost', resolve);
  });
  const before = await Promise.all(workers.map((worker) => answerOf(worker, 'double')));
  await until(() => manager.contexts().filter(({ isActive }) => isActive).length === 2);
  const [worker] = workers;
  const underWay = [1, 2, 3, 4].map(() => codeOf(manager.executeWorkload(slowJob(3)))); // on both
  if (scenario === 'to-worker') {
    for (const channel of channels) if (channel.owner === worker.process.pid) channel.post(numbersOf(message));
  } else {
    worker.send(scenario);
  }
  const { workerId, reason } = await lost;
  const after = await Promise.all([double(manager), answerOf(workers[1], 'double')]);
  const left = await answerOf(worker, 'left');
  const { workers: members } = await manager.health();
  print({
    before,
    underWay: await Promise.all(underWay),
    lost: [workerId === worker.id, reason],
    after: after.map(([output, by]) => [output, by === workers[1].id]),
    left,
    members: members.length,
    exits,
  });
  await manager.close();
  for (const each of workers) each.disconnect();
}

async function runWorker() {
  const channels = watchChannels();
  let executor;
  native.ExecutorHandle = class extends native.ExecutorHandle {
    constructor(...parts) {
      super(...parts);
      executor = this;
    }
  };
  const manager = gpu.createGPUClusterManager(settings);
  process.on('message', async (question) => {
    if (question === 'double') {
      await manager.ready; // which would be rejected by what comes next
      process.send({ said: await double(manager) });
    }
    if (question === 'left') process.send({ said: await codeOf(double(manager)) });
    if (question === 'from-loop') [...channels][0].post(numbersOf(message));
    if (question === 'from-executor') executor.post(numbersOf(message));
  });
  await manager.ready;
}

// Workers of the cluster's own, which end with their connection and are replaced.
async function builtIn() {
  const channels = watchChannels();
  const manager = gpu.createGPUClusterManager({ ...settings, workers: 1 });
  await manager.ready;
  const pidOf = async () => (await manager.health()).workers.find(({ state }) => state === 'ready')?.pid;
  const pid = await pidOf();
  for (const channel of channels) if (channel.owner === pid) channel.post(numbersOf(message));
  await until(async () => ![pid, undefined].includes(await pidOf()), 20000);
  await sleep(20);
  print({ job: (await double(manager))[0] });
  await manager.close();
}

// Members know whose channel is whose.
const { Member } = require('../../../lib/cluster/primary/member');
const { say } = Member.prototype;
Member.prototype.say = function (words) {
  if (this.ask && !this.inProcess) this.ask.owner = this.pid;
  return say.call(this, words);
};

if (cluster.isWorker) runWorker();
else if (scenario === 'built-in') builtIn();
else primary();
