// Models of texts that clients may use: the operator's, by their names. No client says a path.
'use strict';
const fs = require('node:fs/promises');
const path = require('node:path');
const { GPUError, show } = require('../../core');
const { Opened } = require('./opened');

/** @typedef {import('../../index').TextModel} TextModel */
/** @typedef {(progress: import('../../index').LoadProgress) => void} OnProgress */

const kMostModels = 8;

class Models {
  /** @type {Opened<TextModel>} */
  #opened = new Opened(kMostModels);
  #manager;
  #config;

  /**
   * @param {import('../parts').Manager} manager
   * @param {import('../parts').Config} config
   */
  constructor(manager, config) {
    this.#manager = manager;
    this.#config = config;
  }

  /**
   * Where the model of that name is.
   * @param {string|undefined} name undefined: the usual one
   * @returns {Promise<{ name: string, source: string }>}
   * @throws {GPUError} (rejects with) ERR_NOT_FOUND: there is none of that name
   */
  async source(name) {
    const { modelsDir, textModel, textReranker } = this.#config;
    const usual = textModel ?? require('../../text').defaultModel;
    if (name === undefined) return { name: path.basename(usual), source: usual };
    for (const source of [usual, textReranker])
      if (source !== undefined && name === path.basename(source)) return { name, source };
    const names = await this.names();
    if (modelsDir === undefined || !names.includes(name)) {
      const known = names.length ? `there ${names.length > 1 ? 'are' : 'is'}: ${names.join(', ')}` : 'there are none';
      const error = new GPUError('ERR_NOT_FOUND', `no model is called ${show(name)} (${known}; MODELS_DIR)`);
      error.argument = 'model';
      throw error;
    }
    return { name, source: path.join(modelsDir, name) };
  }

  /** The models that clients may name. */
  async names() {
    const { modelsDir } = this.#config;
    if (modelsDir === undefined) return [];
    const entries = await fs.readdir(modelsDir, { withFileTypes: true }).catch(() => []);
    return entries.flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : [])).sort();
  }

  /**
   * The usual one and those that clients may name, with more of those that are open.
   * @returns {Promise<{ name: string, isOpen: boolean }[]>}
   */
  async list() {
    const { modelsDir = '', textReranker } = this.#config;
    const { source: usual } = await this.source(undefined);
    const named = (await this.names()).map((name) => path.join(modelsDir, name));
    const sources = new Set([usual, ...(textReranker === undefined ? [] : [textReranker]), ...named]);
    const open = await this.#opened.look(({ kind, family, dimensions, maxLength, precision, memory }) => ({
      kind,
      family,
      dimensions,
      maxLength,
      precision,
      bytes: memory.weights,
    }));
    return [...sources].map((source) => ({
      name: path.basename(source),
      isOpen: open.has(source),
      ...open.get(source),
    }));
  }

  /**
   * Works with the model of that name.
   * @template Result
   * @param {string|undefined} name undefined: the usual one
   * @param {OnProgress} onProgress hears how far it is loaded, of whoever asks for it first
   * @param {(model: TextModel, name: string) => Promise<Result>} work
   * @returns {Promise<Result>}
   */
  async use(name, onProgress, work) {
    const found = await this.source(name);
    const open = () => this.#manager.loadModel(found.source, { onProgress });
    return this.#opened.use(found.source, open, (model) => work(model, found.name));
  }

  /** Closes all. */
  close() {
    return this.#opened.close();
  }
}

module.exports = { Models };
