// The GPU part of the doctor: drivers, run-time libraries, Vulkan driver files, containers. Looks at files only.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

/**
 * @typedef {import('./doctor').Check} Check
 * @typedef {import('../../index').DeviceInfo[]} Devices
 * @typedef {import('../../index').GPUCapabilities['problems'] | undefined} Problems
 */

const kMinimumDriver = 580; // the first branch that runs CUDA 13

/** @param {string} folder @returns {string[]} */
function list(folder) {
  try {
    return fs.readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** @param {string} file */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

// What the dynamic linker would find, name -> path: LD_LIBRARY_PATH first, then its cache.
function libraries() {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const folder of (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean)) {
    for (const name of list(folder)) if (!found.has(name)) found.set(name, path.join(folder, name));
  }
  for (const ldconfig of ['/sbin/ldconfig', '/usr/sbin/ldconfig', 'ldconfig']) {
    const out = spawnSync(ldconfig, ['-p'], { encoding: 'utf8' }).stdout;
    if (!out) continue;
    for (const match of out.matchAll(/^\s+(\S+) \(.*\) => (\S+)$/gm))
      if (!found.has(match[1])) found.set(match[1], match[2]);
    break;
  }
  return found;
}

// Where the CUDA backend looks beside the linker's own folders.
const kCudaFolders = [
  '/usr/local/cuda/lib64',
  '/usr/local/cuda-13/lib64',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
];

/** @param {Map<string, string>} known @param {string} name */
function findLibrary(known, name) {
  if (known.has(name)) return known.get(name);
  return kCudaFolders.map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file));
}

// NVIDIA's PCI vendor number on a display controller: a card is in the machine, with or without a driver.
function hasNvidiaCard() {
  return list('/sys/bus/pci/devices').some((slot) => {
    const folder = path.join('/sys/bus/pci/devices', slot);
    return read(path.join(folder, 'vendor')).trim() === '0x10de' && read(path.join(folder, 'class')).startsWith('0x03');
  });
}

function driverVersion() {
  return /(?:NVRM version:.*?|Module\s+)(\d{3,}\.\d+(?:\.\d+)?)/.exec(read('/proc/driver/nvidia/version'))?.[1];
}

/** @param {Problems} problems @param {'cuda' | 'vulkan' | 'cpu'} backend */
function problemOf(problems, backend) {
  return problems?.[backend];
}

/** @param {Devices} devices @param {Problems} problems @returns {Check[]} */
function checkCuda(devices, problems) {
  const cards = devices.filter((device) => device.backend === 'cuda');
  const known = libraries();
  const hasCard = hasNvidiaCard();
  const checks = [checkCudaDriver(known, cards.length > 0, hasCard), checkCudaDevices(cards, problems, hasCard)];
  const builtWithout = /built without/i.test(problemOf(problems, 'cuda')?.reason ?? '');
  if (builtWithout && hasCard) checks.push(checkToolkit());
  if (!builtWithout && (cards.length || known.has('libcuda.so.1'))) {
    checks.push(
      checkCudaLibrary(
        known,
        'cuda cublaslt',
        'libcublasLt.so.13',
        'without it matmul on CUDA uses a kernel that is several times slower',
        'libcublas-13-0',
      ),
    );
    checks.push(
      checkCudaLibrary(
        known,
        'cuda nvrtc',
        'libnvrtc.so.13',
        'kernels given as CUDA source need it',
        'cuda-nvrtc-13-0',
      ),
    );
  }
  return checks;
}

/** @param {Map<string, string>} known @param {boolean} works @param {boolean} hasCard @returns {Check} */
function checkCudaDriver(known, works, hasCard) {
  const name = 'cuda driver';
  const version = driverVersion();
  const library = known.get('libcuda.so.1');
  if (!version && !library) {
    return {
      name,
      status: hasCard ? 'problem' : 'note',
      found: hasCard ? 'an NVIDIA card, but no driver' : 'no NVIDIA driver and no NVIDIA card',
      why: hasCard ? 'the card cannot be used' : 'CUDA is not needed: Vulkan and the CPU do every workload',
      ...(hasCard && {
        remedy: `install the NVIDIA driver ${kMinimumDriver} or newer (Debian: apt install nvidia-driver, from NVIDIA's own repository)`,
      }),
    };
  }
  const found = `kernel driver ${version ?? 'not loaded'}, libcuda.so.1 ${library ?? 'not found'}`;
  if (version && Number.parseInt(version, 10) < kMinimumDriver) {
    return {
      name,
      status: 'problem',
      found,
      why: `CUDA 13 needs driver ${kMinimumDriver} or newer`,
      remedy: `upgrade the NVIDIA driver to ${kMinimumDriver} or newer`,
    };
  }
  if (version && library) return { name, status: 'ok', found };
  return {
    name,
    status: works ? 'ok' : 'problem',
    found,
    why: 'the kernel part and libcuda.so.1 are both needed, of one version',
    remedy: version
      ? 'in a container: run it with the NVIDIA runtime (docker run --gpus all); else install the libcuda1 that belongs to the driver'
      : 'sudo modprobe nvidia; if that fails, install the kernel headers and the driver again',
  };
}

/** @param {Devices} cards @param {Problems} problems @param {boolean} hasCard @returns {Check} */
function checkCudaDevices(cards, problems, hasCard) {
  const name = 'cuda devices';
  if (cards.length) return { name, status: 'ok', found: cards.map(describe).join('; ') };
  const problem = problemOf(problems, 'cuda');
  const found = problem ? [problem.reason, problem.detail].filter(Boolean).join(': ') : 'none';
  if (!hasCard) return { name, status: 'note', found };
  return {
    name,
    status: 'problem',
    found,
    why: 'there is an NVIDIA card, and it is not used through CUDA',
    remedy: problem?.remedy ?? 'npm run setup',
  };
}

// Only to build the CUDA backend; running it needs the driver alone.
/** @returns {Check} */
function checkToolkit() {
  const name = 'cuda toolkit';
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/cuda/bin'];
  const nvcc = folders.map((folder) => path.join(folder, 'nvcc')).find((file) => fs.existsSync(file));
  if (nvcc)
    return {
      name,
      status: 'note',
      found: `${nvcc}, but the addon was built without it`,
      why: 'the CUDA backend is left out',
      remedy: 'npm run setup',
    };
  return {
    name,
    status: 'note',
    found: 'nvcc was not found',
    why: 'the CUDA backend is built only with nvcc 13 or newer',
    remedy:
      "apt install cuda-nvcc-13-0 cuda-cudart-dev-13-0 libcublas-dev-13-0 (NVIDIA's repository), then npm run setup",
  };
}

/**
 * @param {Map<string, string>} known @param {string} name @param {string} file @param {string} why @param {string}
 *   debianName
 * @returns {Check}
 */
function checkCudaLibrary(known, name, file, why, debianName) {
  const at = findLibrary(known, file);
  if (at) return { name, status: 'ok', found: at };
  return {
    name,
    status: 'note',
    found: `${file} was not found`,
    why,
    remedy: `apt install ${debianName} (NVIDIA's repository), or set LD_LIBRARY_PATH to the folder that holds it`,
  };
}

/** @param {Devices[number]} device */
function describe(device) {
  return `${device.id} ${device.name}${device.driver ? ` (${device.driver})` : ''}`;
}

// Driver files ("ICDs") in the loader's own order of search, or what the environment names instead.
function driverFiles() {
  const named = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  if (named) {
    const variable = process.env.VK_DRIVER_FILES ? 'VK_DRIVER_FILES' : 'VK_ICD_FILENAMES';
    const files = named
      .split(':')
      .filter(Boolean)
      .flatMap((entry) => {
        const inside = list(entry).filter((name) => name.endsWith('.json'));
        return inside.length ? inside.map((name) => path.join(entry, name)) : [entry];
      });
    return { variable, files };
  }
  const home = os.homedir();
  const roots = [
    process.env.XDG_CONFIG_HOME || path.join(home, '.config'),
    ...(process.env.XDG_CONFIG_DIRS || '/etc/xdg').split(':'),
    '/usr/local/etc',
    '/etc',
    process.env.XDG_DATA_HOME || path.join(home, '.local/share'),
    ...(process.env.XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':'),
  ];
  const files = [...new Set(roots)].flatMap((root) => {
    const folder = path.join(root, 'vulkan', 'icd.d');
    return list(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => path.join(folder, name));
  });
  return { variable: undefined, files };
}

/** What is wrong with one driver file, or undefined. @param {string} file @param {Map<string, string>} known */
function driverFileFault(file, known) {
  if (!fs.existsSync(file)) return 'does not exist';
  let library;
  try {
    library = JSON.parse(fs.readFileSync(file, 'utf8')).ICD?.library_path;
  } catch {
    return 'cannot be read as JSON';
  }
  if (typeof library !== 'string') return 'names no library';
  const there = library.includes('/')
    ? fs.existsSync(path.resolve(path.dirname(file), library))
    : Boolean(findLibrary(known, library));
  return there ? undefined : `names ${library}, which is not installed`;
}

/** @param {Devices} devices @param {Problems} problems @returns {Check[]} */
function checkVulkan(devices, problems) {
  const known = libraries();
  const loader = known.get('libvulkan.so.1');
  /** @type {Check} */
  const loaderCheck = loader
    ? { name: 'vulkan loader', status: 'ok', found: loader }
    : {
        name: 'vulkan loader',
        status: 'note',
        found: 'libvulkan.so.1 was not found',
        why: 'without it there is no Vulkan device',
        remedy: 'apt install libvulkan1',
      };
  return [loaderCheck, checkDriverFiles(known), checkVulkanDevices(devices, problems), ...checkRenderNodes(devices)];
}

/** @param {Map<string, string>} known @returns {Check} */
function checkDriverFiles(known) {
  const name = 'vulkan drivers';
  const { variable, files } = driverFiles();
  const where = variable ? ` (from ${variable})` : '';
  const faults = files.map((file) => ({ file, fault: driverFileFault(file, known) })).filter((entry) => entry.fault);
  if (!files.length) {
    return {
      name,
      status: 'note',
      found: 'no driver file',
      why: 'the loader alone is no Vulkan: it needs a driver',
      remedy: 'apt install mesa-vulkan-drivers (a software device, and AMD and Intel cards); NVIDIA brings its own',
    };
  }
  if (!faults.length)
    return { name, status: 'ok', found: `${files.map((file) => path.basename(file)).join(', ')}${where}` };
  return {
    name,
    status: variable || faults.length === files.length ? 'problem' : 'note',
    found: faults.map((entry) => `${entry.file} ${entry.fault}`).join('; ') + where,
    why: 'the loader leaves such drivers out',
    remedy: variable
      ? `unset ${variable}, or name files that exist`
      : 'install the package of the missing library, or remove the file',
  };
}

/** @param {Devices} devices @param {Problems} problems @returns {Check} */
function checkVulkanDevices(devices, problems) {
  const name = 'vulkan devices';
  const mine = devices.filter((device) => device.backend === 'vulkan');
  if (mine.length) {
    const software = mine.every((device) => device.type === 'cpu') ? '; software only' : '';
    return { name, status: 'ok', found: mine.map(describe).join('; ') + software };
  }
  const problem = problemOf(problems, 'vulkan');
  const found = problem ? [problem.reason, problem.detail].filter(Boolean).join(': ') : 'none';
  return {
    name,
    status: 'note',
    found,
    why: 'no drawing, and no GPU but through CUDA',
    remedy: problem?.remedy ?? 'apt install libvulkan1 mesa-vulkan-drivers',
  };
}

// A card whose render node this user may not open looks like no card at all.
/** @param {Devices} devices @returns {Check[]} */
function checkRenderNodes(devices) {
  const nodes = list('/dev/dri')
    .filter((name) => name.startsWith('renderD'))
    .map((name) => path.join('/dev/dri', name));
  if (!nodes.length) return [];
  const closed = nodes.filter((node) => {
    try {
      fs.accessSync(node, fs.constants.R_OK | fs.constants.W_OK);
      return false;
    } catch {
      return true;
    }
  });
  const name = 'render nodes';
  if (closed.length) {
    return [
      {
        name,
        status: 'problem',
        found: `${closed.join(', ')} may not be opened by this user`,
        why: 'the card behind it cannot be used',
        remedy:
          'sudo usermod -aG render,video $USER, then log in again (docker run --device /dev/dri --group-add render)',
      },
    ];
  }
  const hardware = devices.some((device) => device.backend === 'vulkan' && device.type !== 'cpu');
  if (hardware) return [{ name, status: 'ok', found: nodes.join(', ') }];
  return [
    {
      name,
      status: 'note',
      found: `${nodes.join(', ')}, but no hardware Vulkan device`,
      why: 'there may be a card whose driver has no Vulkan',
      remedy: 'apt install mesa-vulkan-drivers (AMD, Intel), or the NVIDIA driver',
    },
  ];
}

/** @param {Devices} devices @returns {Check[]} */
function checkContainer(devices) {
  const inside =
    fs.existsSync('/.dockerenv') ||
    fs.existsSync('/run/.containerenv') ||
    /docker|containerd|kubepods|lxc/.test(read('/proc/1/cgroup'));
  if (!inside) return [];
  /** @type {Check[]} */
  const checks = [{ name: 'container', status: 'ok', found: 'this runs inside a container' }];
  const name = 'container gpu';
  const nodes = list('/dev').filter((entry) => /^nvidia(\d+|ctl)$/.test(entry));
  const { NVIDIA_VISIBLE_DEVICES, NVIDIA_DRIVER_CAPABILITIES } = process.env;
  const driverOutside = driverVersion() !== undefined;
  if (driverOutside && !nodes.length) {
    checks.push({
      name,
      status: 'problem',
      found: 'the host has an NVIDIA driver, the container no /dev/nvidia*',
      why: 'the card is not passed in',
      remedy: 'docker run --gpus all (needs the NVIDIA Container Toolkit on the host)',
    });
  } else if (!driverOutside && NVIDIA_VISIBLE_DEVICES && !['void', 'none'].includes(NVIDIA_VISIBLE_DEVICES)) {
    checks.push({
      name,
      status: 'note',
      found: `NVIDIA_VISIBLE_DEVICES=${NVIDIA_VISIBLE_DEVICES}, but no driver is here`,
      why: 'the image asks for a card and the container runtime passed none',
      remedy: 'docker run --gpus all (needs the NVIDIA Container Toolkit on the host)',
    });
  }
  if (nodes.length) checks.push(...checkContainerGraphics(devices, NVIDIA_DRIVER_CAPABILITIES ?? ''));
  return checks;
}

// Vulkan on NVIDIA needs the driver's graphics libraries inside the container, EGL among them.
/** @param {Devices} devices @param {string} capabilities @returns {Check[]} */
function checkContainerGraphics(devices, capabilities) {
  const name = 'container vulkan';
  if (devices.some((device) => device.backend === 'vulkan' && device.vendor === 'NVIDIA')) return [];
  const known = libraries();
  const missing = ['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0'].filter((library) => !known.has(library));
  if (!driverFiles().files.some((file) => path.basename(file).startsWith('nvidia_icd')))
    missing.push('nvidia_icd.json');
  if (!known.has('libEGL.so.1')) missing.push('libEGL.so.1');
  if (!missing.length) return [];
  const graphics = capabilities.split(',').some((entry) => entry === 'all' || entry === 'graphics');
  return [
    {
      name,
      status: 'note',
      found: `missing: ${missing.join(', ')}`,
      why: 'CUDA works, but the card is no Vulkan device, so it cannot draw',
      remedy: graphics
        ? 'apt install libegl1 libvulkan1; if nvidia_icd.json is missing still, mount it from the host (/usr/share/vulkan/icd.d or /etc/vulkan/icd.d)'
        : 'docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics, and apt install libegl1 in the image',
    },
  ];
}

module.exports = { checkCuda, checkVulkan, checkContainer };
