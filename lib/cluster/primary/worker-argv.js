// Node's own options for a worker: those of its primary, without what says which program is run.
'use strict';

const kWithValue = new Set(['-e', '--eval', '-pe', '--input-type']); // the next argument is theirs
const kWithOptionalValue = new Set(['-p', '--print']);
const kAlone = new Set(['-i', '--interactive', '-c', '--check', '--test', '--watch']);

/**
 * `node -e` runs the program that stands there in whatever file it is given besides: a worker would run it, too.
 * @param {readonly string[]} execArgv
 * @returns {string[]}
 */
function workerArgv(execArgv) {
  const kept = [];
  for (let i = 0; i < execArgv.length; ++i) {
    const [name] = execArgv[i].split('=', 1);
    const hasValue = execArgv[i].length > name.length;
    if (kWithValue.has(name)) i += hasValue ? 0 : 1;
    else if (kWithOptionalValue.has(name)) i += hasValue || /^-/.test(execArgv[i + 1] ?? '-') ? 0 : 1;
    else if (!kAlone.has(name)) kept.push(execArgv[i]);
  }
  return kept;
}

module.exports = { workerArgv };
