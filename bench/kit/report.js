// What a run has found so far: gpu-report.json and gpu-report.md, written anew after each row, so that a run that is
// cut off loses only the rest.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const kVersion = 1;
const kStates = ['measured', 'failed', 'skipped', 'not reached'];

const number = { type: ['number', 'null'] };
const text = { type: 'string' };
// JSON Schema of gpu-report.json.
const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'gpu-report',
  type: 'object',
  additionalProperties: false,
  required: ['version', 'kit', 'started', 'minutes', 'seconds', 'state', 'machine', 'devices', 'problems', 'rows'],
  properties: {
    version: { const: kVersion },
    kit: { type: 'object', description: 'what was built: version, commit, CUDA architectures, date' },
    started: { type: 'string', description: 'when, as ISO 8601' },
    minutes: { type: 'number', description: 'that the run was given' },
    seconds: { type: 'number', description: 'that it has taken so far' },
    state: { enum: ['running', 'complete', 'out of time', 'interrupted'] },
    machine: { type: 'object' },
    devices: { type: 'array', items: { type: 'object', required: ['id'] }, description: 'that were found' },
    problems: { type: 'array', items: { type: 'object' }, description: 'backends that are not there, and why' },
    rows: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: [
          'device',
          'part',
          'name',
          'state',
          'value',
          'unit',
          'limit',
          'limitName',
          'fraction',
          'expect',
          'detail',
        ],
        properties: {
          device: text,
          part: text,
          name: { type: 'string', description: 'the same as in docs/gpu.md' },
          state: { enum: kStates },
          value: number,
          unit: text,
          limit: { ...number, description: 'what the value could be, in the same unit' },
          limitName: text,
          fraction: { ...number, description: 'how near the value is to the limit: 1 is at it' },
          expect: { ...number, description: 'the fraction that docs/gpu.md foretells for an H100' },
          detail: text,
          reason: { type: 'string', description: 'of a row that was not measured' },
        },
      },
    },
  },
};

const places = (value) => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))));
const show = (value) => (value === null ? '-' : places(value));
const percent = (value) => (value === null ? '-' : `${Math.round(value * 100)}%`);
const cell = (value) => String(value).replace(/\s+/g, ' ').replaceAll('|', '\\|');

/** One line a figure. @param {object} report what is in gpu-report.json */
function markdown(report) {
  const { machine, kit } = report;
  const lines = [
    '# GPU report',
    '',
    `${report.state}: ${Math.round(report.seconds)} s of ${report.minutes} minutes, ${report.started}.`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}, kernel ${machine.kernel}; ` +
      `switchyard ${kit.version} (${kit.commit}), CUDA for ${kit.archs}.`,
    '',
    ...report.devices.map((it) => `- ${it.id}: ${it.name}, driver ${it.driver}`),
    ...(machine.nvidiaSmi ?? []).map((line) => `- nvidia-smi: ${line}`),
    ...Object.entries(machine.libraries ?? {}).map(([name, folder]) => `- ${name} in ${folder}`),
    ...(machine.missing ?? []).map((name) => `- ${name} was not found`),
    ...report.problems.map((it) => `- no ${it.backend}: ${it.reason} (${it.detail}); ${it.remedy}`),
  ];
  for (const device of new Set(report.rows.map((row) => row.device))) {
    const rows = report.rows.filter((row) => row.device === device);
    const count = (state) => rows.filter((row) => row.state === state).length;
    lines.push(
      '',
      `## ${device}`,
      '',
      kStates.map((state) => `${count(state)} ${state}`).join(', '),
      '',
      '| what | value | limit | fraction | expected on an H100 | |',
      '| --- | ---: | ---: | ---: | ---: | --- |',
      ...rows.map((row) => {
        const measured = row.state === 'measured';
        const value = row.value === null ? row.state : `${show(row.value)} ${row.unit}`;
        const limit = row.limit === null ? '-' : `${show(row.limit)} (${row.limitName})`;
        const detail = [...(measured ? [] : [row.state, row.reason]), row.detail].filter(Boolean).join('; ');
        const cells = [row.name, value, limit, percent(row.fraction), percent(row.expect), detail];
        return `| ${cells.map(cell).join(' | ')} |`.replace(/ {2,}/g, ' ');
      }),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Never half a file. */
function writeWhole(file, content) {
  fs.writeFileSync(`${file}.part`, content);
  fs.renameSync(`${file}.part`, file);
}

class Report {
  #folder;
  #begun = performance.now();
  #rows = new Map();

  /** @param {string} folder @param {{ minutes: number, machine: object, kit: object }} about */
  constructor(folder, { minutes, machine, kit }) {
    this.#folder = folder;
    fs.mkdirSync(folder, { recursive: true });
    this.content = {
      version: kVersion,
      kit,
      started: new Date().toISOString(),
      minutes,
      seconds: 0,
      state: 'running',
      machine,
      devices: [],
      problems: [],
      rows: [],
    };
  }

  /** Rows that are to be measured: not reached until something is said of them. */
  plan(device, rows) {
    for (const { part, name, unit, limit, expect: foretold } of rows) {
      // Estimates are of CUDA; that everything is right is expected everywhere.
      const expect = device.startsWith('cuda') || unit === 'cases' ? foretold : null;
      const row = {
        ...{ device, part, name, state: 'not reached', value: null, unit, limit: null, limitName: limit },
        ...{ fraction: null, expect, detail: '' },
      };
      this.#rows.set(`${device} ${name}`, row);
      this.content.rows.push(row);
    }
    this.write();
  }

  #say(device, name, what) {
    const row = this.#rows.get(`${device} ${name}`);
    if (!row) throw new Error(`the report has no row '${name}' of ${device}`);
    delete row.reason;
    Object.assign(row, what);
    this.write();
    return row;
  }

  /** @param {{ value: number, limit?: number|null, fraction?: number|null, detail?: string }} found */
  measured(device, name, { value, limit = null, fraction = null, detail = '' }) {
    for (const it of [value, limit, fraction])
      if (it !== null && !Number.isFinite(it)) throw new Error(`'${name}' of ${device} is ${it}`);
    return this.#say(device, name, { state: 'measured', value, limit, fraction, detail });
  }
  /** What there is so far of a row that is not done. */
  progress(device, name, found) {
    return this.#say(device, name, { ...found, state: 'not reached', reason: 'under way' });
  }
  failed(device, name, reason, found = {}) {
    return this.#say(device, name, { ...found, state: 'failed', reason: String(reason).slice(0, 2000) });
  }
  skipped(device, name, reason) {
    return this.#say(device, name, { state: 'skipped', reason });
  }
  stateOf(device, name) {
    return this.#rows.get(`${device} ${name}`)?.state;
  }

  write() {
    this.content.seconds = Number(((performance.now() - this.#begun) / 1000).toFixed(1));
    writeWhole(path.join(this.#folder, 'gpu-report.json'), `${JSON.stringify(this.content, null, 1)}\n`);
    writeWhole(path.join(this.#folder, 'gpu-report.md'), markdown(this.content));
  }

  /** @param {'complete'|'out of time'|'interrupted'} state */
  end(state) {
    this.content.state = state;
    this.write();
  }
}

module.exports = { Report, markdown, schema };
