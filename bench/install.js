// Fetches what the comparison needs, on demand: the other libraries from their lockfile, and for webgpu a newer
// software Vulkan driver.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const root = path.join(__dirname, '..');

function command(name, args, options) {
  const { status, error, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8', ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${name} ${args[0]} failed: ${(stderr || stdout).trim().split('\n').pop()}`);
  return stdout;
}

// npm ci into bench/node_modules, unless what is there came from this lockfile.
function installLibraries(say) {
  const wanted = fs.readFileSync(path.join(__dirname, 'package-lock.json'), 'utf8'),
    stamp = path.join(__dirname, 'node_modules', '.switchyard-lock');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return;
  say('installing the libraries to compare with (some 800 MB)');
  // The install scripts would only fetch GPU binaries or compile what is bundled.
  command('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: __dirname });
  buildHnswlib(say);
  fs.writeFileSync(stamp, wanted);
}

// It comes as source alone. The headers are those that this Node.js has brought; without them it is left out.
function buildHnswlib(say) {
  const nodeFolder = path.join(path.dirname(process.execPath), '..');
  try {
    command('npm', ['rebuild', 'hnswlib-node', '--ignore-scripts=false'], {
      cwd: __dirname,
      env: { ...process.env, npm_config_nodedir: nodeFolder },
    });
  } catch (error) {
    say(`hnswlib-node can't be built, and is left out: ${error.message}`);
  }
}

// Dawn refuses the software driver of Debian 12 itself. The one from its backports is unpacked beside the build, used
// by the webgpu process alone, and never installed. Returns { env, note }.
function newerMesa(say) {
  if (process.env.SWITCHYARD_BENCH_ICD)
    return { env: driverEnv(process.env.SWITCHYARD_BENCH_ICD), note: 'driver given by SWITCHYARD_BENCH_ICD' };
  const folder = path.join(root, 'build', 'bench-mesa'),
    icd = path.join(folder, 'icd.json');
  try {
    if (!fs.existsSync(icd)) {
      say('fetching a newer software Vulkan driver for webgpu');
      fetchMesa(folder, icd);
    }
    return { env: driverEnv(icd), note: "on the software driver of Debian's backports" };
  } catch (error) {
    return { env: {}, note: `on the installed Vulkan drivers: no newer one could be fetched (${error.message})` };
  }
}

const driverEnv = (icd) => ({ VK_DRIVER_FILES: icd, VK_ICD_FILENAMES: icd });

function fetchMesa(folder, icd) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(path.join(folder, 'lists', 'partial'), { recursive: true });
  // The archive this machine uses already.
  const archives = command('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN) $(CODENAME) $(REPO_URI)',
    'Created-By: Packages',
  ])
    .split('\n')
    .map((line) => line.split(' '));
  const [, codename, mirror] = archives.find(([origin, name]) => origin === 'Debian' && /^[a-z]+$/.test(name)) ?? [];
  if (!mirror) throw new Error('apt knows no Debian archive: apt-get update');
  fs.writeFileSync(
    path.join(folder, 'sources.list'),
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} ${codename}-backports main\n`,
  );
  const apt = [
    '-o',
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    '-o',
    'Dir::Etc::sourceparts=-',
    '-o',
    `Dir::State::lists=${folder}/lists`,
  ];
  command('apt-get', [...apt, 'update'], { cwd: folder });
  command('apt-get', [...apt, 'download', `mesa-vulkan-drivers/${codename}-backports`], { cwd: folder });
  const archive = fs.readdirSync(folder).find((name) => name.endsWith('.deb'));
  command('dpkg-deb', ['-x', archive, 'files'], { cwd: folder });
  const drivers = path.join(folder, 'files', 'usr', 'lib'),
    library = fs.readdirSync(drivers, { recursive: true }).find((name) => name.endsWith('libvulkan_lvp.so'));
  if (!library) throw new Error('the package holds no libvulkan_lvp.so');
  command('ldd', [path.join(drivers, library)])
    .split('\n')
    .forEach((line) => {
      if (line.includes('not found')) throw new Error(`the driver misses ${line.trim().split(' ')[0]}`);
    });
  fs.writeFileSync(
    icd,
    JSON.stringify({
      file_format_version: '1.0.0',
      ICD: { library_path: path.join(drivers, library), api_version: '1.3.0' },
    }),
  );
}

module.exports = { installLibraries, newerMesa };
