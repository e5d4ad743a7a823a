// The types of `switchyard/client`; method-types.d.ts has those of the methods.
import type { Methods } from './method-types';

/** Numbers with a shape; `data` views the memory of the answer. */
export interface Tensor {
  data: Float32Array | Int32Array | Uint32Array | Int8Array | Uint8Array | Uint16Array;
  shape: number[];
  dtype: 'float32' | 'float16' | 'bfloat16' | 'int32' | 'uint32' | 'int8' | 'uint8';
}

/** A tensor among params: numbers in an array, a typed array, or either with a shape. */
export type TensorLike = Tensor | Tensor['data'] | number[] | number[][] | (Partial<Tensor> & { data: unknown });

/** How far a call is. */
export interface Progress {
  done: number;
  total: number;
  step?: string;
}

/** What comes with a call. */
export interface CallOptions {
  /** Cancels it, on the server too. */
  signal?: AbortSignal;
  /** Milliseconds that it has, with all tries. */
  timeout?: number;
  /** Hears how far it is; over a WebSocket. */
  onProgress?: (progress: Progress) => void;
  /** The same key again is the same call: so one that changes something may be sent again, too. */
  idempotencyKey?: string;
  /** The trace that it is a part of, as W3C's header of that name has it. */
  traceparent?: string;
}

/** How a client is made. */
export interface ClientOptions {
  /** `Authorization: Bearer <token>`. */
  token?: string;
  /** Milliseconds that a call has, unless it says otherwise. */
  timeout?: number;
  /** How often a call is sent again where that is safe. @default 5 */
  retries?: number;
  /** Milliseconds before the first try after one that failed, and the most before any. */
  backoff?: { first?: number; most?: number };
  /** Over HTTP: sent with each request. */
  headers?: Record<string, string>;
  /** Hears events of `subscribe`, whose subscriptions end with their connection. */
  onEvent?: (event: { subscription: string; [field: string]: unknown }) => void;
  /** Hears that the connection is open, or closed. */
  onState?: (state: 'open' | 'closed') => void;
  /** For runtimes without one: `require('ws')`. */
  WebSocket?: unknown;
  fetch?: typeof fetch;
}

/** Why a call failed: the server's code, or `ERR_CONNECTION`, `ERR_PROTOCOL`, `ERR_CANCELED`, `ERR_TIMEOUT`. */
export class RpcError extends Error {
  code: string;
  /** What helps. */
  remedy?: string;
  /** Which argument is wrong. */
  argument?: string;
  /** Milliseconds after which it may be sent again. */
  retryAfter?: number;
  /** JSON-RPC's number. */
  rpcCode?: number;
  /** HTTP's status. */
  status?: number;
}

/** A message with tensors anywhere in it as a binary frame, and back: as docs/http.md has it. */
export function encodeFrame(message: object): Uint8Array<ArrayBuffer>;
export function decodeFrame(frame: ArrayBuffer): unknown;

export interface Client extends Methods {}

/**
 * A client of a server, over a WebSocket (`ws://localhost:3001`) or HTTP (`http://localhost:3000`). Nothing is opened
 * before the first call; a connection that has ended is opened again by the next one.
 * @example
 * const { Client } = require('switchyard/client');
 * const client = new Client('ws://localhost:3001', { token: process.env.AUTH_TOKEN });
 * const { passages } = await client.memory_recall({ query: 'may I sell this?' });
 * await client.close();
 */
export class Client {
  constructor(url: string | URL, options?: ClientOptions);
  /** Calls a method by its name. */
  call<Name extends keyof Methods>(method: Name, ...given: Parameters<Methods[Name]>): ReturnType<Methods[Name]>;
  call(method: string, params?: object, options?: CallOptions): Promise<unknown>;
  /** Ends the connection; calls that are under way fail. Idempotent. */
  close(): Promise<void>;
}
