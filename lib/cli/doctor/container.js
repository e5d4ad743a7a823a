// The doctor's look at containers: whether the card and the driver's graphics libraries were passed in.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { list, read, libraries, driverVersion } = require('./files');
const { driverFiles } = require('./vulkan');

/**
 * @typedef {import('./doctor').Check} Check
 * @typedef {import('../../index').DeviceInfo[]} Devices
 */

/**
 * @param {Devices} devices
 * @returns {Check[]}
 */
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
/**
 * @param {Devices} devices
 * @param {string} capabilities
 * @returns {Check[]}
 */
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
        ? 'apt install libegl1 libvulkan1; if nvidia_icd.json is missing still, mount it from the host ' +
          '(/usr/share/vulkan/icd.d or /etc/vulkan/icd.d)'
        : 'docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics, and apt install libegl1 ' +
          'in the image',
    },
  ];
}

module.exports = { checkContainer };
