// `switchyard doctor`: what was found, as a person reads it.
'use strict';
const { printJson } = require('./print-json');

const kMarks = { ok: 'ok     ', note: 'note   ', problem: 'PROBLEM' };

/** @param {{ json?: boolean }} options */
async function doctor({ json }) {
  const result = await require('./doctor').diagnose();
  if (!result.ok) process.exitCode = 1;
  if (json) return printJson(result);
  for (const check of result.checks) {
    console.log(`${kMarks[check.status]}  ${check.name.padEnd(16)}  ${check.found}`);
    const indent = ' '.repeat(27);
    if (check.status !== 'ok' && check.why) console.log(`${indent}why it matters: ${check.why}`);
    if (check.status !== 'ok' && check.remedy) console.log(`${indent}what fixes it:  ${check.remedy}`);
  }
  const count = result.checks.filter((check) => check.status === 'problem').length;
  console.log(`\n${count === 0 ? 'Nothing is missing that matters.' : `${count} problem${count > 1 ? 's' : ''}.`}`);
}

/** @param {import('commander').Command} program */
function addDoctor(program) {
  program
    .command('doctor')
    .description('what was found, what is missing, why it matters, and the command that fixes it')
    .option('--json', 'print { ok, checks: [{ name, status, found, why, remedy }], devices }')
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing is missing that matters (notes do not count), 1 there is a problem, 2 wrong usage.',
    )
    .action(doctor);
}

module.exports = { addDoctor };
