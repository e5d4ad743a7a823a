// What users hold of a compiled program: a Kernel or a Shader. The addon's object stays inside.
'use strict';
const { inspect } = require('node:util');
const { GPUError } = require('../core');

/** @typedef {import('../addon/native').ProgramHandle} ProgramHandle */
/** @typedef {'memory'|'cluster'|'disk'|false} Cached where it was found; false: it was compiled */
/**
 * One compiled version of a program. Hot reload puts another in its place.
 * @typedef {object} Version
 * @property {ProgramHandle} handle
 * @property {number} ms that compiling took, or finding it did
 * @property {Cached} cached
 * @property {string[]} problems
 * @property {{ cacheHitRate: number, memoryUsage: number }} [cache] of the cluster, with those who asked first: per
 *   cent, MB
 */
/**
 * What jobs use of a version: made once for all of them.
 * @typedef {object} Usable
 * @property {ProgramHandle} handle
 * @property {import('../addon/native').ProgramInfo} info
 * @property {number} workload
 * @property {ReadonlyMap<string, number>} buffers the indices of bindings that are buffers, by name
 * @property {''|'cuda'|'vulkan'|'gpu'} contextType what can run it; '': what draws
 */
/** @typedef {{ closed: boolean, programUsed?: (id: string) => void }} Owner a manager's programs, or a context's */

const kBase = 2 ** 20; // workload numbers from here on are programs

class Program {
  /** @type {Version} */
  #version;
  #owner;
  #name;
  /** @type {Usable} */
  #usable;

  /**
   * @param {string} name
   * @param {Version} version
   * @param {Owner} owner
   */
  constructor(name, version, owner) {
    this.#name = name;
    this.#version = frozen(version);
    this.#owner = owner;
    this.#usable = usableOf(version.handle);
  }

  /**
   * As it was given to compileKernel() or compileShader().
   * @returns {string}
   * @example console.log(kernel.name, kernel.compilationTime);
   */
  get name() {
    return this.#name;
  }

  /**
   * 64 hexadecimal digits, of its sources, options and compilers: the same in every process.
   * @returns {string}
   * @example const short = kernel.id.slice(0, 8);
   */
  get id() {
    return this.#version.handle.id;
  }

  /**
   * Milliseconds that compiling took, of the source and of the devices' part of it, or that finding it did.
   * @returns {number}
   * @example if (kernel.compilationTime > 100) console.warn(`${kernel.name} is slow to compile`);
   */
  get compilationTime() {
    return this.#version.ms;
  }

  /**
   * Where it was found when it was last asked for; false: it was compiled.
   * @returns {Cached}
   * @example console.log(kernel.cached || 'compiled');
   */
  get cached() {
    return this.#version.cached;
  }

  /**
   * What went wrong on the way and was got over, a damaged file of the cache for example.
   * @returns {readonly string[]}
   * @example for (const problem of kernel.problems) console.warn(problem);
   */
  get problems() {
    return this.#version.problems;
  }

  /**
   * What can run it.
   * @returns {string[]} of 'vulkan', 'cuda'
   * @example if (!kernel.backends.includes('cuda')) console.log('only Vulkan has code for it');
   */
  get backends() {
    const { vulkan, cuda } = this.#version.handle.info;
    return [...(vulkan ? ['vulkan'] : []), ...(cuda ? ['cuda'] : [])];
  }

  /**
   * The values of its parameter block, but for those that are set for it.
   * @returns {import('../addon/native').ProgramParam[]}
   * @example const names = kernel.params.map(({ name }) => name);
   */
  get params() {
    return this.#version.handle.info.params.filter(({ name }) => name !== 'sy_viewport');
  }

  /**
   * Its buffers, and the pictures that it samples.
   * @returns {readonly import('../addon/native').ProgramBinding[]}
   * @example const outputs = kernel.bindings.filter(({ readOnly }) => !readOnly);
   */
  get bindings() {
    return this.#version.handle.info.bindings;
  }

  /**
   * What is to be known of it, for JSON.stringify() and logs.
   * @returns {Record<string, unknown>}
   * @example console.log(JSON.stringify(kernel));
   */
  toJSON() {
    const { name, id, bindings, params, backends, compilationTime, cached, problems } = this;
    return { name, id, bindings, params, backends, compilationTime, cached, problems };
  }

  [inspect.custom](/** @type {number} */ depth, /** @type {import('node:util').InspectOptions} */ options) {
    return `${this.constructor.name} ${inspect(this.toJSON(), { ...options, depth: 1 })}`;
  }

  /**
   * @param {unknown} value
   * @returns {value is Program}
   */
  static isProgram(value) {
    return value !== null && typeof value === 'object' && #version in value;
  }

  /**
   * For a job that is being made.
   * @param {Program} program
   * @returns {Usable}
   */
  static use(program) {
    const { handle } = program.#usable;
    if (program.#owner.closed)
      throw new GPUError(
        'ERR_CLOSED',
        `${describe(handle.info.kind, program.#name)} belongs to a manager or a context that is closed`,
      );
    program.#owner.programUsed?.(handle.id);
    return program.#usable;
  }

  /** @param {Program} program */
  static infoOf(program) {
    return program.#version.handle.info;
  }

  /**
   * Jobs made from now on run this version; those under way keep theirs.
   * @param {Program} program
   * @param {Version} version
   */
  static swap(program, version) {
    program.#version = frozen(version);
    program.#usable = usableOf(version.handle);
  }

  /**
   * Its sources were asked for again.
   * @param {Program} program
   */
  static found(program) {
    if (program.#version.cached !== 'memory') program.#version = { ...program.#version, cached: 'memory' };
  }
}

/** A compute program. Made by compileKernel(). */
class Kernel extends Program {
  /**
   * Invocations of a work group; of a CUDA kernel that leaves it open, zeros.
   * @returns {readonly [number, number, number]}
   * @example const [x] = kernel.groupSize;
   */
  get groupSize() {
    return Program.infoOf(this).groupSize;
  }

  toJSON() {
    return { ...super.toJSON(), groupSize: this.groupSize };
  }
}

/** A vertex and a fragment program. Made by compileShader(). */
class Shader extends Program {
  /**
   * What a vertex has. What the shader declares and does not use is not here; it may be given all the same.
   * @returns {readonly import('../addon/native').ProgramInfo['attributes'][number][]}
   * @example const names = shader.attributes.map(({ name }) => name);
   */
  get attributes() {
    return Program.infoOf(this).attributes;
  }

  toJSON() {
    return { ...super.toJSON(), attributes: this.attributes };
  }
}

/**
 * What users see of it they can't change.
 * @param {Version} version
 * @returns {Version}
 */
function frozen(version) {
  const { info } = version.handle;
  if (!Object.isFrozen(info)) {
    for (const list of [info.bindings, info.params, info.attributes]) {
      for (const item of list) Object.freeze(item);
      Object.freeze(list);
    }
    Object.freeze(info.groupSize);
    Object.freeze(info);
  }
  return version;
}

/**
 * @param {ProgramHandle} handle
 * @returns {Usable}
 */
function usableOf(handle) {
  const { info, id } = handle;
  const buffers = new Map();
  info.bindings.forEach(({ kind, name }, index) => {
    if (kind === 'buffer' && !buffers.has(name)) buffers.set(name, index);
  });
  const one = info.cuda ? 'cuda' : 'vulkan';
  const contextType = info.kind !== 'kernel' ? '' : info.vulkan && info.cuda ? 'gpu' : one;
  return { handle, info, workload: workloadOf(id), buffers, contextType };
}

/**
 * The number that stands for a program where built-in workloads have their index: from its id, so that it is the same
 * in every process.
 * @param {string} id
 */
function workloadOf(id) {
  return kBase + Number.parseInt(id.slice(0, 8), 16);
}

/**
 * @param {string} kind
 * @param {string} name
 */
function describe(kind, name) {
  return `${kind} '${name}'`;
}

module.exports = { Program, Kernel, Shader, kBase, workloadOf, describe };
