// A logger that keeps its lines.
'use strict';

/** What was logged: `lines` has [level, fields, message] of each. */
function keptLog() {
  const lines = [];
  const at = (level) => (fields, message) =>
    lines.push(typeof fields === 'string' ? [level, {}, fields] : [level, fields, message]);
  const log = { lines, isLevelEnabled: () => true, child: () => log };
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) log[level] = at(level);
  return log;
}

module.exports = { keptLog };
