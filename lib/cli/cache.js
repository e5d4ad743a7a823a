// `switchyard cache list | clear`: the answers of servers that are kept on this machine.
'use strict';
const { printJson } = require('./print-json');

/** @param {{ json?: boolean }} options */
async function list({ json }) {
  const answers = require('./server/answers');
  const kept = await answers.list();
  if (json) return printJson(kept);
  for (const { key, size, server, method, ageMs, isOver } of kept)
    console.log(
      `${key.slice(0, 12)}  ${method.padEnd(16)} ${String(size).padStart(9)} bytes  ` +
        `${String(Math.floor(ageMs / 60_000)).padStart(5)} min ago${isOver ? ' (over)' : ''}  ${server}`,
    );
  const bytes = kept.reduce((sum, { size }) => sum + size, 0);
  console.log(`${kept.length} answer${kept.length === 1 ? '' : 's'}, ${bytes} bytes, in ${answers.folder()}`);
}

/** @param {{ json?: boolean }} options */
async function clear({ json }) {
  const answers = require('./server/answers');
  const removed = await answers.clear();
  if (json) return printJson({ removed });
  console.log(`${removed} answer${removed === 1 ? '' : 's'} removed from ${answers.folder()}`);
}

/** @param {import('commander').Command} program */
function addCache(program) {
  const command = program
    .command('cache')
    .description(
      'answers of servers (--server), which are kept for an hour in ANSWERS_DIR (~/.cache/switchyard/answers)',
    )
    .exitOverride();
  command.command('list').description('what is kept').option('--json', 'print it as JSON').action(list);
  command.command('clear').description('remove all of it').option('--json', 'print it as JSON').action(clear);
}

module.exports = { addCache };
