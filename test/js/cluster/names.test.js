// Tensors that have a name: in a cluster, in a lone process, and what one process keeps of them.
'use strict';
const { suite } = require('../../support/run-cluster-suite');
const { rounds } = require('../../support/rounds');

jest.setTimeout(60000);

suite('names', { SWITCHYARD_SWAPS: process.env.SWITCHYARD_SWAPS ?? String(rounds(20, 100)) });
