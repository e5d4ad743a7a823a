// Frames at a rate, on a clock that the test turns: dropped when late or not read, in order, ended in every way.
'use strict';
const { RenderStream } = require('../../../lib/program/render-stream');

/** A stream whose frames take as long as the test says, in ms of a clock that only run() moves. */
function setUp({ takes = () => 0, workload = { type: 'render', scene: 'x', time: 5 }, fps = 10, ...options } = {}) {
  const clock = { ms: 0 };
  const timers = new Set();
  const executed = [];
  const after = (ms, run) => {
    const timer = { at: clock.ms + ms, run, ref() {}, unref() {} };
    timers.add(timer);
    return timer;
  };
  const execute = (given, { signal }) =>
    new Promise((resolve, reject) => {
      const n = executed.length;
      executed.push({ at: clock.ms, ...given });
      const onAbort = () => {
        timers.delete(end);
        reject(Object.assign(new Error('stopped'), { code: 'ERR_CANCELED' }));
      };
      const end = after(takes(n), () => {
        signal.removeEventListener('abort', onAbort);
        resolve({ outputs: { image: `image ${n}` }, timings: {} });
      });
      signal.addEventListener('abort', onAbort);
    });
  const stream = new RenderStream(
    workload,
    { fps, ...options },
    {
      execute,
      fps: 60,
      now: () => clock.ms,
      setTimer: (run, ms) => after(ms, run),
      clearTimer: (timer) => timers.delete(timer),
    },
  );
  const settle = async () => {
    for (let i = 0; i < 10; ++i) await null;
  };
  const run = async (ms) => {
    await settle();
    const end = clock.ms + ms;
    for (;;) {
      const next = [...timers].sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      timers.delete(next);
      clock.ms = Math.max(clock.ms, next.at);
      next.run();
      await settle();
    }
    clock.ms = end;
  };
  /** Everything that comes in a while, to a reader that takes `reads` ms for each. */
  const read = async (ms, reads = 0) => {
    const frames = [];
    let over = false;
    const reader = (async () => {
      while (!over) {
        const { value, done } = await stream.next();
        if (done || over) break;
        frames.push(value);
        if (reads)
          await new Promise((resolve) => {
            after(reads, resolve);
          });
      }
    })();
    reader.catch(() => {});
    await run(ms);
    over = true;
    return frames;
  };
  return { stream, clock, executed, run, read, timers };
}

test('one frame a tick when there is time, with real time in it', async () => {
  const { read, executed } = setUp({ takes: () => 30 });
  const frames = await read(999);
  expect(frames.map(({ frame }) => frame)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(frames.every(({ dropped }) => dropped === 0)).toBe(true);
  expect(frames[3]).toMatchObject({ image: 'image 3', time: 0.3 });
  expect(executed.map(({ time }) => time)).toEqual(
    [5, 5.1, 5.2, 5.3, 5.4, 5.5, 5.6, 5.7, 5.8, 5.9].map((value) => expect.closeTo(value, 9)),
  );
});

test('a frame that is not ready at the next tick costs that tick, never a place in a queue', async () => {
  const { read, executed } = setUp({ takes: () => 250 });
  const frames = await read(1500);
  expect(frames.map(({ frame }) => frame)).toEqual([0, 3, 6, 9, 12]);
  expect(frames.map(({ dropped }) => dropped)).toEqual([2, 4, 6, 8, 10]);
  expect(executed.map(({ at }) => at)).toEqual([0, 300, 600, 900, 1200, 1500]);
});

test('with two under way more of them come, in order', async () => {
  const { read, executed } = setUp({ takes: (n) => (n % 2 ? 90 : 250), inFlight: 2 });
  const frames = await read(2000);
  const numbers = frames.map(({ frame }) => frame);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  expect(executed.length).toBeGreaterThan(8);
  expect(frames.length).toBeLessThan(executed.length); // a slow one that was overtaken is dropped
});

test('a slow reader gets the newest frame, the others are dropped', async () => {
  const { read } = setUp({ takes: () => 10 });
  const frames = await read(2000, 350);
  for (let i = 1; i < frames.length; ++i) expect(frames[i].frame - frames[i - 1].frame).toBeGreaterThanOrEqual(3);
  const last = frames[frames.length - 1];
  expect(last.frame).toBe(last.dropped + frames.length - 1);
});

test('without a reader nothing is rendered after a while; the next read begins again', async () => {
  const { stream, run, executed } = setUp({ takes: () => 10 });
  const first = stream.next();
  await run(50);
  expect((await first).value.frame).toBe(0);
  await run(20000);
  expect(executed.length).toBeLessThan(15);
  const before = executed.length;
  await stream.next();
  await run(500);
  expect(executed.length).toBeGreaterThan(before);
});

test('ticks that a blocked loop has missed are dropped', async () => {
  const { stream, run, clock, executed } = setUp({ takes: () => 10 });
  const first = stream.next();
  await run(50);
  await first;
  clock.ms = 1010; // nothing ran meanwhile
  const next = stream.next();
  await run(100);
  expect((await next).value).toMatchObject({ frame: 10, dropped: 9 });
  expect(executed[1].at).toBe(1010);
});

test('an abort rejects who waits, once, and stops what is under way', async () => {
  const controller = new AbortController();
  const { stream, run, timers } = setUp({ takes: () => 1000, signal: controller.signal });
  const waiting = stream.next();
  await run(10);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(timers.size).toBe(0);
});

test('an abort that nobody waits through is told at the next read', async () => {
  const controller = new AbortController();
  const { stream } = setUp({ signal: controller.signal });
  controller.abort();
  await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  expect((await stream.next()).done).toBe(true);
  const { stream: dead } = setUp({ signal: AbortSignal.abort() });
  await expect(dead.next()).rejects.toMatchObject({ code: 'ERR_CANCELED' });
});

test('leaving the loop stops the stream', async () => {
  const { stream, run, timers, executed } = setUp({ takes: () => 10 });
  const loop = (async () => {
    for await (const { frame } of stream) if (frame === 2) break;
  })();
  await run(400);
  await loop;
  const before = executed.length;
  await run(1000);
  expect(executed.length).toBe(before);
  expect(timers.size).toBe(0);
});

test('a frame that fails ends the stream with its error', async () => {
  const { stream } = setUp({
    workload: (time, frame) => {
      throw Object.assign(new Error(`no ${frame}`), { code: 'ERR_INVALID_ARGUMENT' });
    },
  });
  await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: 'no 0' });
  expect((await stream.next()).done).toBe(true);
});

test('a shader gets its time as the uniform it has', async () => {
  const { read, executed } = setUp({ workload: { type: 'render', shader: 's', uniforms: { u_time: 1, u_scale: 2 } } });
  await read(250);
  expect(executed.map(({ uniforms }) => uniforms)).toEqual(
    [0, 0.1, 0.2].map((time) => ({ u_time: expect.closeTo(1 + time, 9), u_scale: 2 })),
  );
});

test.each([
  [{ type: 'add' }, {}, /workload is an object, but must be \{ type: 'render'/],
  [undefined, {}, /workload is undefined/],
  [undefined, { fps: 0 }, /fps is 0/],
  [{ type: 'render', scene: 'x' }, { fps: 5000 }, /fps is 5000/],
  [{ type: 'render', scene: 'x' }, { rate: 5 }, /unknown option of renderStream\(\) 'rate'/],
  [{ type: 'render', scene: 'x' }, { inFlight: 3 }, /inFlight is 3, but must be 1 or 2/],
  [{ type: 'render', scene: 'x' }, { signal: 1 }, /signal is 1/],
  [{ type: 'render', scene: 'x' }, null, /options are null/],
])('a stream of %p with %p is refused', (workload, options, message) => {
  expect(() => new RenderStream(workload, options, { execute: async () => {}, fps: 60 })).toThrow(message);
});
