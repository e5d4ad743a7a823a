// The hostile soak: one server, honest clients all the time, and one kind of hostility after the other.
'use strict';
const { Service } = require('./service');
const { Honest } = require('./honest');
const { fuzzRequests } = require('./requests');
const { readSlowly } = require('./readers');
const { uploadBadly } = require('./uploads');
const { cancelLaunches } = require('./launches');
const { crowdOut } = require('./ranks');
const { compileBombs, closeManagers, endStarting, wantDescriptors } = require('./processes');
const { round, sleep } = require('../../stats');

const kWarmMs = 4000;
// What a server holds that has met each part once for a while: compiled code, drivers and heaps stay, spare regions go.
const kFirstMs = 2000,
  kSettleMs = 25_000;
const kQuickSeconds = 30; // a soak of less is compared with the start
const kBackMs = 30_000; // an idle process keeps a spare region for some 20 s
const kSlackMb = 96,
  kSlackDescriptors = 8;

/**
 * The parts: which of them need the server, the share of the time that each gets, and what it does with it. What goes
 * by a number instead takes as long as that takes.
 */
const kParts = {
  requests: { server: true, share: 0.25, run: fuzzRequests },
  readers: { server: true, share: 0.25, run: readSlowly },
  uploads: { server: true, share: 0.15, run: uploadBadly },
  ranks: { server: true, share: 0.15, run: crowdOut },
  launches: { server: true, share: 0.35, run: cancelLaunches },
  bombs: { run: compileBombs },
  managers: { run: ({ seconds }) => closeManagers({ count: Math.max(100, Math.min(1000, Math.round(seconds * 5))) }) },
  starts: { run: () => endStarting({}) },
  descriptors: {
    run: ({ seconds }) => wantDescriptors({ rounds: Math.max(2, Math.min(50, Math.round(seconds / 5))) }),
  },
};
const kNames = Object.keys(kParts);

/** The parts that need a server, against one, with honest clients. */
async function besiege(names, seconds, say) {
  const service = await Service.start();
  try {
    const honest = new Honest(service.port);
    await sleep(kWarmMs);
    if (seconds >= kQuickSeconds) {
      for (const name of names) {
        say(`${name}: a first time`);
        await kParts[name].run({ service, until: performance.now() + kFirstMs, honest });
      }
      await sleep(kSettleMs);
    }
    const before = service.holdings;
    const parts = {};
    const shares = names.reduce((sum, name) => sum + kParts[name].share, 0);
    for (const name of names) {
      const until = performance.now() + (seconds * 1000 * kParts[name].share) / shares;
      const errors = honest.errors;
      say(`${name}: ${Math.round((until - performance.now()) / 1000)} s`);
      parts[name] = await kParts[name].run({ service, until, honest });
      parts[name].honestErrors = honest.errors - errors;
    }
    const clients = await honest.stop();
    const after = await service.settled(before.megabytes + kSlackMb, kBackMs, before.descriptors + kSlackDescriptors);
    const { descriptors } = after;
    const health = await service.health();
    const end = await service.stop();
    const failed = Object.entries({
      "an honest client's errors": clients.errors > 0,
      "the server's memory": after.megabytes > before.megabytes + kSlackMb,
      "the server's descriptors": descriptors > before.descriptors + kSlackDescriptors,
      "the server's health": health.status !== 'ok',
      "the server's end": end.code !== 0,
    }).flatMap(([what, isWrong]) => (isWrong ? [what] : []));
    return {
      parts,
      server: {
        megabytes: { before: before.megabytes, after: after.megabytes },
        descriptors: { before: before.descriptors, after: descriptors },
        health: health.status,
        restarts: health.restarts,
        end: end.signal ?? end.code,
      },
      honest: clients,
      failed,
      log: service.log.split('\n').filter(Boolean).slice(0, 10),
    };
  } finally {
    if (service.child.exitCode === null) service.child.kill('SIGKILL');
  }
}

/**
 * @param {{ seconds: number, only?: string[] }} options seconds: of the parts that go by time
 * @param {(text: string) => void} say
 */
async function runHostile({ seconds, only = kNames }, say = () => {}) {
  const started = performance.now();
  const names = kNames.filter((name) => only.includes(name));
  const besieging = names.filter((name) => kParts[name].server);
  const result = besieging.length ? await besiege(besieging, seconds, say) : { parts: {}, failed: [] };
  for (const name of names.filter((each) => !kParts[each].server)) {
    say(name);
    result.parts[name] = await kParts[name].run({ seconds });
  }
  const failed = [...names.filter((name) => !result.parts[name].ok), ...result.failed];
  return {
    ...result,
    failed,
    ok: failed.length === 0,
    seconds: round((performance.now() - started) / 1000),
  };
}

module.exports = { runHostile, kNames };
