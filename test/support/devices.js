// The devices of this machine, by their ids. Not for children: it opens the drivers.
'use strict';
const fs = require('node:fs');

const gpu = require('../..');

const kDrivers = ['/usr/share/vulkan/icd.d/lvp_icd.x86_64.json', '/usr/lib/chromium/vk_swiftshader_icd.json'];

/**
 * The environment of a child that has two software drivers, Mesa's and SwiftShader, and so two devices; undefined where
 * they are not both installed.
 * @type {Record<string, string>|undefined}
 */
const twoDrivers = kDrivers.every((file) => fs.existsSync(file))
  ? { VK_DRIVER_FILES: kDrivers.join(':'), VK_ICD_FILENAMES: kDrivers.join(':') }
  : undefined;

module.exports = { devices: gpu.devices().map(({ id }) => id), twoDrivers };
