// What becomes of a process's compile processes: node compilers.js killed|absent
'use strict';
const fs = require('node:fs');
const gpu = require('../../..');

const head = '#version 450\nlayout(local_size_x = 64) in;\nlayout(binding = 0) buffer A { float a[]; };\n';

/** Functions of macros in each other: no compiler gets through. */
function endless() {
  let source = `${head}#define F0(x) 1\n`;
  for (let i = 1; i < 40; ++i) source += `#define F${i}(x) F${i - 1}(F${i - 1}(x))\n`;
  return `${source}void main() { a[0] = F39(0); }\n`;
}

function compilers() {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
        return /^Name:\tsy-compiler$/m.test(status) && status.includes(`\nPPid:\t${process.pid}\n`);
      } catch {
        return false; // it has ended
      }
    })
    .map(Number);
}

async function main() {
  const ctx = await gpu.createContext({ device: 'vulkan' });
  const good = () => ctx.compileKernel({ name: 'good', glsl: `${head}void main() { a[0] += 1.0; }\n` });
  if (process.argv[2] === 'absent') {
    const { code, message } = await good().catch((error) => error);
    console.log(JSON.stringify({ code, message }));
    await ctx.close();
    return;
  }
  ctx.compileKernel({ name: 'endless', glsl: endless() }).catch(() => {});
  await good();
  fs.writeSync(1, JSON.stringify(compilers())); // one is at it, one waits for more
  process.kill(process.pid, 'SIGKILL');
}

main();
