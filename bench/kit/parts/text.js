// A text model on the device, in a process of its own: its graph of jobs, and what a caller with strings gets.
'use strict';
const path = require('node:path');
const { eachRow } = require('./native');

const kLimitMs = 240_000;

/** What encoder.js prints, once for both rows. */
async function measure(run) {
  const script = path.join(__dirname, '..', 'encoder.js');
  const args = [script, run.device, String(Math.round(run.seconds * 4000)), run.isCard ? 'card' : 'small'];
  const result = await run.command(process.execPath, args, { limitMs: kLimitMs });
  if (result.code !== 0) throw new Error(`${result.hung || result.how}: ${result.errors.trim().slice(-800)}`);
  return JSON.parse(result.output.trim().split('\n').at(-1));
}

function text(run) {
  let once;
  return eachRow(run, async ({ name }) => {
    const { perSecond, tokenizedPerSecond, flops, texts, precision } = await (once ??= measure(run));
    const detail = `${texts} texts a job, ${precision}`;
    if (name.endsWith('tokenized'))
      return { value: tokenizedPerSecond, limit: perSecond, fraction: tokenizedPerSecond / perSecond, detail };
    const found = await run.limits.flops('bfloat16').catch((error) => ({ missing: error.message }));
    if (found.missing) return { value: perSecond, detail: `${detail}; no limit: ${found.missing}` };
    const limit = found.rate / flops;
    return { value: perSecond, limit, fraction: perSecond / limit, detail };
  });
}

module.exports = { text };
