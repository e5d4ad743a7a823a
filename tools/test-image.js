// `npm run test:image`: builds the Dockerfile's image without a daemon, starts it, runs a job in it from outside, and
// stops it as an orchestrator would. buildah works in a chroot, over a base that debootstrap makes, with Node from the
// npm package `node`. Needs root, and installs these two where they are missing. `-- --built` tries the image of the
// last time, without building one.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { root, say, which } = require('./process');

const kSuite = 'bookworm';
const kNode = ['node@20', 'npm@10'];
const kAuthorities = '/run/authorities.crt'; // of certificates, in the build
const kFolder = path.join(root, 'build', 'image');
const kBase = 'localhost/switchyard-base';
const kImage = 'localhost/switchyard-test';
const kMostBytes = 250 * 10 ** 6;
const kPort = 3900;
const kReadyMs = 60_000,
  kGraceMs = 30_000; // what an orchestrator waits between SIGTERM and SIGKILL
const kTools = ['buildah', 'debootstrap'];
// Root of a container of its own, or of one that is not allowed new namespaces: a chroot needs nothing.
const env = { ...process.env, STORAGE_DRIVER: 'vfs', BUILDAH_ISOLATION: 'chroot', BUILDAH_FORMAT: 'docker' };

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {string} what it printed
 */
function run(command, args, { quiet = false } = {}) {
  say(`  ${command} ${args.join(' ')}`);
  const stdio = /** @type {const} */ (['ignore', 'pipe', quiet ? 'pipe' : 'inherit']);
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    env,
    encoding: 'utf8',
    stdio,
    maxBuffer: 2 ** 28,
  });
  if (error) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args[0]} ended with ${status}\n${stderr ?? ''}${stdout.slice(-4000)}`);
  return stdout;
}

function installTools() {
  const lacking = kTools.filter((name) => !which(name, ['/usr/sbin']));
  if (!lacking.length) return;
  if (process.getuid?.() !== 0) throw new Error(`these are needed: apt-get install ${lacking.join(' ')}`);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...lacking]);
}

/** The mirror that this machine's packages come from. */
function mirror() {
  const texts = ['/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources']
    .filter((file) => fs.existsSync(file))
    .map((file) => fs.readFileSync(file, 'utf8').replace(/^\s*#.*$/gm, ''));
  return /https?:\/\/\S+\/debian(?=[\s/])/.exec(texts.join('\n'))?.[0] ?? 'http://deb.debian.org/debian';
}

/** Debian's least, with Node: what BASE_IMAGE, NODE_IMAGE and BUILD_IMAGE are here. */
function makeBase() {
  if (spawnSync('buildah', ['inspect', '--type', 'image', kBase], { env }).status === 0) return;
  const tree = path.join(kFolder, 'base');
  fs.rmSync(tree, { recursive: true, force: true });
  fs.mkdirSync(tree, { recursive: true });
  run('debootstrap', ['--variant=minbase', kSuite, tree, mirror()], { quiet: true });
  // As the base images of registries are: nothing that only people read.
  for (const each of ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'var/cache/apt', 'var/lib/apt/lists'])
    fs.rmSync(path.join(tree, each), { recursive: true, force: true });
  for (const each of ['var/cache/apt/archives/partial', 'var/lib/apt/lists/partial'])
    fs.mkdirSync(path.join(tree, each), { recursive: true });
  const packages = path.join(kFolder, 'node');
  run('npm', ['install', '--prefix', packages, '--ignore-scripts=false', '--no-save', ...kNode], { quiet: true });
  const modules = path.join(packages, 'node_modules');
  fs.copyFileSync(path.join(modules, 'node', 'bin', 'node'), path.join(tree, 'usr/local/bin/node'));
  fs.chmodSync(path.join(tree, 'usr/local/bin/node'), 0o755);
  fs.cpSync(path.join(modules, 'npm'), path.join(tree, 'usr/local/lib/node_modules/npm'), { recursive: true });
  fs.symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', path.join(tree, 'usr/local/bin/npm'));
  const container = run('buildah', ['from', 'scratch']).trim();
  run('buildah', ['copy', '--quiet', container, tree, '/']);
  if (process.env.NODE_EXTRA_CA_CERTS)
    run('buildah', ['config', '--env', `NODE_EXTRA_CA_CERTS=${kAuthorities}`, container]);
  run('buildah', ['commit', '--quiet', container, kBase]);
  run('buildah', ['rm', container]);
  fs.rmSync(tree, { recursive: true, force: true });
}

/** How this machine reaches its registries, lent to the build: nothing of it is in the image. */
function lent() {
  const files = [
    ['/etc/apt/apt.conf.d', '/etc/apt/apt.conf.d'],
    [process.env.NODE_EXTRA_CA_CERTS ?? '', kAuthorities],
  ];
  return files.filter(([from]) => fs.existsSync(from)).flatMap(([from, to]) => ['--volume', `${from}:${to}:ro`]);
}

function buildImage() {
  const bases = ['BASE_IMAGE', 'NODE_IMAGE', 'BUILD_IMAGE'].flatMap((name) => ['--build-arg', `${name}=${kBase}`]);
  const args = ['build', '--layers', '--network', 'host', '--pull-never', ...lent(), ...bases, '--tag', kImage];
  run('buildah', [...args, '--file', path.join(root, 'Dockerfile'), root]);
}

/** @param {string} tree @returns {number} bytes of all files, each once */
function sizeOf(tree) {
  const out = run('du', ['--bytes', '--summarize', '--one-file-system', tree], { quiet: true });
  return Number(out.split('\t')[0]);
}

/**
 * @param {() => Promise<boolean>} condition
 * @param {number} ms
 */
async function until(condition, ms) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    if (await condition().catch(() => false)) return true;
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
  return false;
}

/** @param {boolean} holds @param {string} what */
function check(holds, what) {
  say(`${holds ? 'ok' : 'FAILED'}: ${what}`);
  if (!holds) process.exitCode = 1;
}

/** @param {string} container */
async function tryOut(container) {
  const { OCIv1, Docker } = JSON.parse(run('buildah', ['inspect', '--type', 'image', kImage], { quiet: true }));
  const { User, Entrypoint, Cmd, Env } = OCIv1.config;
  check(User === 'node', `it runs as an ordinary user: ${User}`);
  check(Entrypoint?.[0] === 'tini', `tini is the first process: ${Entrypoint?.join(' ')}`);
  check(Docker.config.Healthcheck?.Test?.length > 1, 'it has a health check');
  const command = [...Entrypoint, ...Cmd, '--port', String(kPort), '--rpc-port', String(kPort), '--workers', '1'];
  const settings = Env.flatMap((/** @type {string} */ each) => ['--env', each]);
  const service = spawn('buildah', ['run', '--network', 'host', ...settings, container, '--', ...command], {
    env,
    stdio: 'inherit',
  });
  const ended = new Promise((resolve) => {
    service.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const url = `http://127.0.0.1:${kPort}`;
  try {
    const isReady = await until(async () => (await fetch(`${url}/health/ready`)).ok, kReadyMs);
    check(isReady, 'the service in it is ready');
    if (isReady) await tryJobs(url, container);
  } finally {
    const began = Date.now();
    // An orchestrator tells the first process of the container: tini, which buildah started.
    for (const pid of tiniOf(container)) process.kill(pid, 'SIGTERM');
    const how = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, kGraceMs, undefined))]);
    check(how?.code === 0, `SIGTERM ends it in good order within ${Date.now() - began} ms: ${JSON.stringify(how)}`);
    if (!how) service.kill('SIGKILL');
  }
}

/** @param {string} url @param {string} container */
async function tryJobs(url, container) {
  const body = JSON.stringify({ type: 'normalize', inputs: { input: [[3, 4]] } });
  const headers = { 'content-type': 'application/json' };
  const answer = await (await fetch(`${url}/v1/workloads`, { method: 'POST', headers, body })).json();
  check(
    String(answer.outputs?.output?.data.map((/** @type {number} */ x) => x.toFixed(3))) === '0.600,0.800',
    'a job from outside',
  );
  check((await fetch(`${url}/admin`)).ok, 'its page');
  const { Docker } = JSON.parse(run('buildah', ['inspect', '--type', 'image', kImage], { quiet: true }));
  const [, ...test] = Docker.config.Healthcheck.Test;
  const health = spawnSync(
    'buildah',
    ['run', '--network', 'host', '--env', `PORT=${kPort}`, container, '--', ...test],
    { env },
  );
  check(health.status === 0, 'its health check says so, too');
}

/**
 * Processes named tini whose root is this container's.
 * @param {string} container
 */
function tiniOf(container) {
  const id = run('buildah', ['inspect', '--format', '{{.ContainerID}}', container], { quiet: true }).trim();
  return fs.readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const isTini = fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'tini';
      return isTini && fs.readlinkSync(`/proc/${pid}/root`) !== '/' && id ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}

/** @param {readonly string[]} args --built: the image that is there is tried, none is built */
async function main(args) {
  fs.mkdirSync(kFolder, { recursive: true });
  installTools();
  if (!args.includes('--built')) {
    makeBase();
    buildImage();
  }
  const container = run('buildah', ['from', '--pull-never', kImage]).trim();
  try {
    const tree = run('buildah', ['mount', container]).trim();
    const size = sizeOf(tree);
    check(size < kMostBytes, `it takes ${(size / 10 ** 6).toFixed(0)} MB, of ${kMostBytes / 10 ** 6} at most`);
    run('buildah', ['umount', container], { quiet: true });
    await tryOut(container);
  } finally {
    run('buildah', ['rm', container], { quiet: true });
  }
}

main(process.argv.slice(2)).catch((error) => {
  say(`test:image: ${error.message}`);
  process.exitCode = 1;
});
