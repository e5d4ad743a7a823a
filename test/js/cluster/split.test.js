// Jobs that are split over several devices, with two workers on the CPU, and with two software drivers in one process.
'use strict';
const { twoDrivers } = require('../../support/devices');
const { suite } = require('../../support/run-cluster-suite');

jest.setTimeout(60000);

describe('two workers with the CPU each', () => suite('split', { SWITCHYARD_SPLIT_OVER: 'workers' }));

const skipped = " (SKIPPED: Mesa's driver or SwiftShader is not installed)";
(twoDrivers ? describe : describe.skip)(`two drivers in one process${twoDrivers ? '' : skipped}`, () =>
  suite('split', { SWITCHYARD_SPLIT_OVER: 'drivers', ...twoDrivers }),
);
