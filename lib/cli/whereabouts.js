// Where a card is in its machine, in words: what `devices` and `doctor` print.
'use strict';

/**
 * @param {import('../index').DeviceInfo} device
 * @returns {string} '' where nothing is known of that
 */
function whereIs({ pciBusId, numaNode, numaCpus, links = [] }) {
  const near = numaCpus ? ` (CPUs ${numaCpus})` : '';
  const linked = links.filter(({ nvlink }) => nvlink).map(({ device }) => device);
  const peers = links.filter(({ peer, nvlink }) => peer && !nvlink).map(({ device }) => device);
  return [
    pciBusId && `PCI ${pciBusId}`,
    numaNode !== undefined && `NUMA node ${numaNode}${near}`,
    linked.length && `NVLink to ${linked.join(', ')}`,
    peers.length && `reads the memory of ${peers.join(', ')}`,
  ]
    .filter(Boolean)
    .join(', ');
}

module.exports = { whereIs };
