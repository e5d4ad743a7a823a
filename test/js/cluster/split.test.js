// Jobs that are split over several devices, with two workers on the CPU, and with two software drivers in one process.
'use strict';
const { twoDrivers } = require('../../support/devices');
const { suite } = require('../../support/run-cluster-suite');

jest.setTimeout(300_000); // software Vulkan on a busy machine

describe('two workers with the CPU each', () => suite('split', {}, { timeout: 120_000 }));

const skipped = " (SKIPPED: Mesa's driver or SwiftShader is not installed)";
(twoDrivers ? describe : describe.skip)(`two drivers in one process${twoDrivers ? '' : skipped}`, () =>
  suite('split-drivers', { ...twoDrivers, WORKLOAD_TIMEOUT: '120000' }, { timeout: 240_000 }),
);
