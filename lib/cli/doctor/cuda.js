// The doctor's look at CUDA: the driver, its run-time libraries, what it takes to build the backend. Looks at files
// only.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { list, read, libraries, driverVersion, describe } = require('./files');
const { buildRemedy } = require('../../core');

/**
 * @typedef {import('./doctor').Check} Check
 * @typedef {import('../../index').DeviceInfo[]} Devices
 * @typedef {import('../../index').GPUCapabilities['problems'] | undefined} Problems
 */

const kMinimumDriver = 580; // the first branch that runs CUDA 13

// NVIDIA's PCI vendor number on a display controller: a card is in the machine, with or without a driver.
function hasNvidiaCard() {
  return list('/sys/bus/pci/devices').some((slot) => {
    const folder = path.join('/sys/bus/pci/devices', slot);
    return read(path.join(folder, 'vendor')).trim() === '0x10de' && read(path.join(folder, 'class')).startsWith('0x03');
  });
}

/**
 * @param {Devices} devices
 * @param {Problems} problems
 * @returns {Check[]}
 */
function checkCuda(devices, problems) {
  const cards = devices.filter((device) => device.backend === 'cuda');
  const known = libraries();
  const hasCard = hasNvidiaCard();
  const checks = [checkCudaDriver(known, cards.length > 0, hasCard), checkCudaDevices(cards, problems, hasCard)];
  const builtWithout = /built without/i.test(problems?.cuda?.reason ?? '');
  if (builtWithout && hasCard) checks.push(checkToolkit());
  if (!builtWithout) checks.push(...checkCudaFiles(cards.length > 0 || known.has('libcuda.so.1')));
  return checks;
}

/**
 * @param {Map<string, string>} known
 * @param {boolean} works
 * @param {boolean} hasCard
 * @returns {Check}
 */
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
        remedy:
          `install the NVIDIA driver ${kMinimumDriver} or newer ` +
          "(Debian: apt install nvidia-driver, from NVIDIA's own repository)",
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
      ? 'in a container: run it with the NVIDIA runtime (docker run --gpus all); else install the libcuda1 that ' +
        'belongs to the driver'
      : 'sudo modprobe nvidia; if that fails, install the kernel headers and the driver again',
  };
}

/**
 * @param {Devices} cards
 * @param {Problems} problems
 * @param {boolean} hasCard
 * @returns {Check}
 */
function checkCudaDevices(cards, problems, hasCard) {
  const name = 'cuda devices';
  if (cards.length) return { name, status: 'ok', found: cards.map(describe).join('; ') };
  const problem = problems?.cuda;
  const found = problem ? [problem.reason, problem.detail].filter(Boolean).join(': ') : 'none';
  if (!hasCard) return { name, status: 'note', found };
  return {
    name,
    status: 'problem',
    found,
    why: 'there is an NVIDIA card, and it is not used through CUDA',
    remedy: problem?.remedy ?? buildRemedy(),
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
      remedy: buildRemedy(),
    };
  return {
    name,
    status: 'note',
    found: 'nvcc was not found',
    why: 'the CUDA backend is built only with nvcc 13 or newer',
    remedy:
      "apt install cuda-nvcc-13-0 cuda-cudart-dev-13-0 libcublas-dev-13-0 (NVIDIA's repository), then " + buildRemedy(),
  };
}

// What is looked for at run time: without a driver only what is there is worth a word.
/**
 * @param {boolean} hasDriver
 * @returns {Check[]}
 */
function checkCudaFiles(hasDriver) {
  let files;
  try {
    files = require('../../addon').native.cudaFiles();
  } catch {
    return []; // the check of the addon has said why
  }
  const { cublasLt, nvrtc, headers } = files;
  const checks = [
    checkCudaLibrary(
      'cuda cublaslt',
      'libcublasLt.so.13',
      cublasLt,
      'without it matmul on CUDA uses a kernel that is several times slower',
      'libcublas-13-0',
      'nvidia-cublas',
    ),
    checkCudaLibrary(
      'cuda nvrtc',
      'libnvrtc.so.13',
      nvrtc,
      'kernels given as CUDA source need it',
      'cuda-nvrtc-13-0',
      'nvidia-cuda-nvrtc',
    ),
    ...(nvrtc.path ? [checkHeaders(headers)] : []),
  ];
  return hasDriver ? checks : checks.filter(({ status }) => status === 'ok');
}

/**
 * @param {string} name
 * @param {string} wanted
 * @param {import('../../addon/native').CudaFile} file
 * @param {string} why
 * @param {string} debianName of the package
 * @param {string} wheel of the Python package
 * @returns {Check}
 */
function checkCudaLibrary(name, wanted, { path: file, origin, version, passedOver }, why, debianName, wheel) {
  const others = passedOver.length ? `; not taken: ${passedOver.join('; ')}` : '';
  if (file) return { name, status: 'ok', found: `${file}, version ${version}, by ${origin}${others}` };
  return {
    name,
    status: 'note',
    found: `${wanted} was not found${others}`,
    why,
    remedy:
      `apt install ${debianName} (NVIDIA's repository), pip install ${wheel}, or set CUDA_HOME or LD_LIBRARY_PATH to ` +
      'the folder that holds it',
  };
}

/**
 * @param {import('../../addon/native').CudaHeaders} headers
 * @returns {Check}
 */
function checkHeaders({ folders, version, passedOver }) {
  const name = 'cuda headers';
  const others = passedOver.length ? `; not taken: ${passedOver.join('; ')}` : '';
  if (folders.length) return { name, status: 'ok', found: `${folders.join(', ')}, version ${version || '?'}${others}` };
  return {
    name,
    status: 'note',
    found: `cuda_fp16.h was not found${others}`,
    why: 'CUDA sources that include headers of the toolkit need them',
    remedy: "apt install cuda-cudart-dev-13-0 cuda-cccl-13-0 (NVIDIA's repository), or set CUDA_HOME",
  };
}

module.exports = { checkCuda };
