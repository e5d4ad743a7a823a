// Runs a command for the set-up and test scripts: output to a log file, and as much of it on the terminal as helps.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');

const root = path.resolve(__dirname, '..');

// Progress and notices go to stderr, so that a script run behind the set-up has stdout to itself.
function say(text) {
  process.stderr.write(`${text}\n`);
}

// A command that failed. `output` is everything it printed.
class CommandError extends Error {
  constructor(text, output) {
    super(text);
    this.output = output;
  }
}

function describeEnd(code, signal) {
  return signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
}

// Runs to the end. options: { env, log (a file descriptor), show: 'progress' | 'all', onStep, onOutput(text),
// timeoutMs, aside }. 'progress' shows ninja's [n/m] lines thinned out and calls onStep() for each; what is `aside`
// gets the time that nothing else wants. Resolves to { code, signal, output, error }; never rejects.
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (options.aside && child.pid !== undefined) yieldAll(child.pid);
    if (options.log !== undefined) fs.writeSync(options.log, `\n$ ${[command, ...args].join(' ')}\n`);
    let output = '';
    let error;
    let timer;
    const progress = options.show === 'progress' ? progressPrinter(options.onStep) : null;
    const take = (chunk) => {
      output += chunk;
      if (options.log !== undefined) fs.writeSync(options.log, chunk);
      if (options.show === 'all') process.stderr.write(chunk);
      if (progress) progress.take(chunk);
      options.onOutput?.(chunk);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', (cause) => {
      error = cause;
      if (child.pid === undefined) finish(null, null);
    });
    child.on('close', finish);
    if (options.timeoutMs) {
      timer = setTimeout(() => {
        error = new Error(`did not end within ${options.timeoutMs / 1000} s`);
        child.kill('SIGKILL');
      }, options.timeoutMs);
    }
    function finish(code, signal) {
      clearTimeout(timer);
      if (progress) progress.end();
      resolve({ code, signal, output, error });
    }
  });
}

// The least claim on the processor, for a process and what it starts from here on.
function yieldAll(pid) {
  try {
    os.setPriority(pid, os.constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already.
  }
}

// Whether who is `aside` takes nothing from the others: not where a container has so much time of the processors, for
// then all stand still once it is spent.
function canStandAside() {
  const read = (file) => {
    try {
      return fs.readFileSync(path.join('/sys/fs/cgroup', file), 'utf8').trim();
    } catch {
      return undefined; // of the other version of control groups
    }
  };
  const limits = [read('cpu.max')?.split(' ')[0] ?? 'max', read('cpu/cpu.cfs_quota_us') ?? '-1'];
  return limits[0] === 'max' && limits[1] === '-1';
}

// The same, but a failure is an exception.
async function runOrThrow(command, args, options) {
  const result = await run(command, args, options);
  if (result.error) throw new CommandError(`${command} could not be run: ${result.error.message}`, result.output);
  if (result.code !== 0) {
    throw new CommandError(`${command} ${args[0] ?? ''} ${describeEnd(result.code, result.signal)}`, result.output);
  }
  return result.output;
}

// On a terminal one line that is rewritten; elsewhere a line at most every five seconds.
function progressPrinter(onStep) {
  const terminal = process.stderr.isTTY;
  let rest = '';
  let shown = 0;
  let wrote = false;
  const show = (line) => {
    const match = /^\[(\d+)\/(\d+)\] (.*)$/.exec(line);
    if (!match || match[1] === '0') return; // [0/n]: ninja looks at its own files
    onStep?.();
    const now = Date.now();
    if (terminal) {
      process.stderr.write(`\r\x1b[K  ${line.slice(0, (process.stderr.columns || 80) - 4)}`);
      wrote = true;
    } else if (now - shown >= 5000 || match[1] === match[2]) {
      shown = now;
      say(`  ${line}`);
    }
  };
  return {
    take(chunk) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      lines.forEach(show);
    },
    end() {
      if (terminal && wrote) process.stderr.write('\r\x1b[K');
    },
  };
}

// The first of `names` that is on the PATH or in one of the extra folders; undefined when none is.
function which(names, extraFolders = []) {
  const folders = [...(process.env.PATH || '').split(path.delimiter), ...extraFolders].filter(Boolean);
  for (const name of [].concat(names)) {
    for (const folder of folders) {
      const file = path.join(folder, name);
      try {
        fs.accessSync(file, fs.constants.X_OK);
        return file;
      } catch {
        // not here
      }
    }
  }
  return undefined;
}

module.exports = { root, say, run, runOrThrow, canStandAside, which, describeEnd, CommandError };
