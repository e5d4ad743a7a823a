// The error of the public interface.
import type { ErrorCode } from '../generated';

/** What an error says beside its code and message, where that is known: between processes, over HTTP, in events. */
export interface ErrorDetails {
  /** Which argument was wrong: 'inputs.a', 'params.k', 'options.timeout', 'nodes[2].type'. */
  argument?: string;
  /** With ERR_COMPILE: what the compiler said. */
  log?: string;
  /** With ERR_COMPILE: where in the source, from 1. */
  line?: number;
  /** With ERR_COMPILE: where in the line, from 1. */
  column?: number;
  /** With ERR_QUEUE_FULL and ERR_BUDGET: when there will likely be room, or the next period begins, in ms from now. */
  retryAfter?: number;
}

/** An error in an event. */
export interface ErrorFields extends ErrorDetails {
  /** One of the codes of docs/errors.md. */
  code: ErrorCode;
  /** What was wrong, and what would be right. */
  message: string;
}

/**
 * What every failure is: its `code` says what went wrong, its message what would be right.
 * @example
 * try {
 *   await ctx.run(workload, { timeout: 100 });
 * } catch (error) {
 *   if (error.code !== 'ERR_TIMEOUT') throw error;
 *   await error.released; // its inputs may be changed again
 * }
 */
export class GPUError extends Error {
  /** Makes one; yours have no `log`, `line` and the like unless you set them. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions);
  /** One of the codes of docs/errors.md. */
  readonly code: ErrorCode;
  /** With ERR_TIMEOUT and ERR_CANCELED: resolves when inputs and `into` targets are no longer in use. */
  released?: Promise<void>;
}
export interface GPUError extends ErrorDetails {}

/**
 * What memory, a queue or a budget refuses: every GPUError of the codes ERR_OUT_OF_MEMORY, ERR_QUEUE_FULL and
 * ERR_BUDGET is one, whoever gives it. Its `name` stays 'GPUError'.
 * @example
 * if (error instanceof ResourceError) manager.cleanup();
 */
export class ResourceError extends GPUError {}
