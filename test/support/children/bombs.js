// A cluster that is given sources which no compiler gets through, a good one behind them, and another after: node
// bombs.js <count>. Prints what became of them, and the largest memory that a process had, as JSON.
'use strict';
const fs = require('node:fs');
const gpu = require('../../..');

const head = '#version 450\nlayout(local_size_x = 64) in;\nlayout(binding = 0) buffer A { float a[]; };\n';

/** Macros that double each other: memory grows as fast as it can be touched. */
function growing() {
  let source = `${head}#define A0 a[0] = a[1] + 1.0;\n`;
  for (let i = 1; i < 30; ++i) source += `#define A${i} A${i - 1} A${i - 1}\n`;
  return `${source}void main() { A29 }\n`;
}

/** Functions of macros in each other: nothing grows, and nothing ends. */
function endless() {
  let source = `${head}#define F0(x) 1\n`;
  for (let i = 1; i < 40; ++i) source += `#define F${i}(x) F${i - 1}(F${i - 1}(x))\n`;
  return `${source}void main() { a[0] = F39(0); }\n`;
}

let largest = 0;
function look() {
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
      if (!/^Name:\tsy-compiler$/m.test(status)) continue;
      largest = Math.max(largest, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]));
    } catch {
      // it has ended
    }
  }
}

async function main() {
  const manager = gpu.createGPUClusterManager({
    workers: 2,
    contextTypes: ['vulkan'],
    contextsPerWorker: 1,
    logLevel: 'error',
    timeout: 12000,
  });
  let lost = 0;
  manager.on('worker-lost', () => ++lost);
  await manager.ready;
  const looking = setInterval(look, 20);
  const job = manager.executeWorkload({
    type: 'add',
    inputs: { a: new Float32Array([1, 2]), b: new Float32Array([3, 4]) },
  });
  /** @returns {Promise<[unknown, number]>} a kernel, and the ms that it took */
  const compile = async (name) => {
    const since = performance.now();
    const kernel = await manager.compileKernel({
      name,
      glsl: `${head}void main() { if (gl_GlobalInvocationID.x == 0u) a[0] += 1.0; }\n`,
    });
    return [kernel, performance.now() - since];
  };
  const [, usual] = await compile('before');
  const bombs = Array.from({ length: Number(process.argv[2]) }, (_, i) =>
    manager.compileKernel({ name: `bomb${i}`, glsl: i % 3 ? growing() + `// ${i}` : endless() + `// ${i}` }).then(
      () => 'compiled',
      ({ code }) => code,
    ),
  );
  const [, meanwhile] = await compile('behind them');
  const codes = await Promise.all(bombs);
  const [kernel, ms] = await compile('good');
  const { outputs } = await manager.executeWorkload({
    type: 'kernel',
    kernel,
    inputs: { a: new Float32Array([41]) },
    outputs: { a: { shape: [1] } },
    threads: 1,
  });
  clearInterval(looking);
  const health = await manager.health();
  console.log(
    JSON.stringify({
      codes,
      usual,
      meanwhile,
      ms,
      right: outputs.a.data[0] === 42 && (await job).outputs.output.data[1] === 6,
      lost,
      health: health.status,
      largest,
    }),
  );
  await manager.close();
}

main();
