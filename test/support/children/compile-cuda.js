// Compiles a CUDA kernel where no card is needed: argv[2] are compileKernel()'s options as JSON. Prints what was made,
// or the error.
'use strict';
const gpu = require('../../..');

async function main() {
  const ctx = await gpu.createContext({ device: 'cpu' });
  try {
    const { backends, id } = await ctx.compileKernel(JSON.parse(process.argv[2]));
    console.log(JSON.stringify({ backends, id }));
  } catch ({ code, message, log }) {
    console.log(JSON.stringify({ code, message, log }));
  }
  await ctx.close();
}

main();
