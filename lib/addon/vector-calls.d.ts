// What the addon has for indexes of vectors. Where a call takes an `id` of 0, what it does is done inside of it; with
// another one that is an operation's, which delivers what the call would have given.
import type { VectorId } from '../types/vectors';

/** Of a segment; lengths: of the shortest row that is not zeros, and of the longest. */
export interface MergedSegment {
  name: number;
  rows: number;
  leastLength: number;
  mostLength: number;
}
export interface NativeSegment extends MergedSegment {
  firstNumber: number;
  live: number;
  isSealed: boolean;
  bytes: number;
  /** Whether all that lies in a file was compared with its checksums; in memory there is nothing to compare. */
  isChecked: boolean;
}

/** What checks a mapped file. */
export interface FileSource {
  readonly isFileSource: never;
}

/** The addon's object for an index at one moment. */
export interface VectorSnapshot {
  readonly isVectorSnapshot: never;
}
export interface PackedSegment {
  bytes: ArrayBuffer;
  checksum: string;
  rowsChecksum: string;
}

type Ids = readonly VectorId[];
type Texts = ReadonlyArray<string | undefined>;

/** The rows of an index. */
export interface NativeVectorTable {
  /** Gives the number of the first insertion. */
  append(id: number, ids: Ids, vectors: Float32Array, metadata: Texts | undefined, replaces: boolean): number;
  remove(id: number, ids: Ids): number;
  get(
    id: number,
    ids: Ids,
    withVectors: boolean,
    withMetadata: boolean,
  ): { found: Uint8Array; vectors?: ArrayBuffer; metadata?: (string | undefined)[] };
  size(): number;
  segments(): NativeSegment[];
  rowsOf(name: number): [buffer: ArrayBuffer, isMemory: boolean] | undefined;
  /**
   * Delivers a MergedSegment, or undefined: there is nothing to do. `upTo`: as far as it goes, but segments with larger
   * names; else what is worth it. endMerge() follows, whatever comes of it.
   */
  merge(id: number, upTo: number | undefined): void;
  endMerge(commits: boolean): void;
  seal(id: number): void;
  /** How many segments were sealed so far. */
  seals(): number;
  mapBytes(): number;
  snapshot(): { handle: VectorSnapshot; segments: NativeSegment[] };
  /** Delivers a PackedSegment. */
  packSegment(id: number, snapshot: VectorSnapshot, place: number): void;
  /** Delivers an ArrayBuffer, which is to lie behind the rows, at a multiple of 8: what adoptMapped() takes. */
  packMapped(id: number, snapshot: VectorSnapshot, place: number): void;
  /** Without the rows, which are to follow; throws what append() would. */
  packWrite(id: number, ids: Ids, vectors: Float32Array, metadata: Texts | undefined, replaces: boolean): ArrayBuffer;
  packRemoval(ids: Ids): ArrayBuffer;
  /** Records, one behind the other; delivers of each the number of its last insertion, undefined of a removal. */
  replay(id: number, records: Uint8Array[]): void;
  /** A bit a row. */
  aliveOf(snapshot: VectorSnapshot, place: number): ArrayBuffer;
  /** Delivers the segment's name. */
  adopt(id: number, rows: Float32Array, bytes: Uint8Array, alive?: Uint8Array): void;
  /** The same of a whole file, with where packMapped()'s begins. With a source it is checked when it is read. */
  adoptMapped(
    id: number,
    file: Uint8Array,
    rows: number,
    at: number,
    source: FileSource | undefined,
    alive: Uint8Array | undefined,
  ): void;
  /** Rejects with ERR_DAMAGED where these rows are not what was written. */
  checkRows(id: number, name: number, from: number, to: number): void;
  /**
   * Puts the same sealed segment as a file has it, see adoptMapped(), in the place of that one; delivers the name that
   * it has from now on, undefined where that one is gone or is being merged.
   */
  exchange(id: number, name: number, file: Uint8Array, rows: number, at: number, source: FileSource | undefined): void;
}

/** A job that is wanted. */
export interface VectorNeed {
  part: number;
  k: number;
  byRows: boolean;
  queries: Uint32Array;
}
export interface VectorPart {
  name: number;
  rows: number;
  allowed: number;
  rounds: number;
  candidates: number;
  isScanned: boolean;
  isSealed: boolean;
}
export interface NativeVectorSearch {
  plan(id: number): void;
  parts(): VectorPart[];
  needs(): VectorNeed[];
  mask(part: number): Uint8Array | undefined;
  /** Multiplications that advance() takes at least. */
  work(): number;
  advance(id: number, answers: unknown[][]): void;
  result(
    withVectors: boolean,
    withMetadata: boolean,
  ): { ids: VectorId[][]; scores: Float32Array[]; vectors?: ArrayBuffer[]; metadata?: (string | undefined)[][] };
}

/** Members of the addon. */
export interface VectorCalls {
  VectorTable: new (dimensions: number, metric: number, segmentBytes: number, scanned: number) => NativeVectorTable;
  /** Takes the snapshot. */
  VectorSearch: new (
    table: NativeVectorTable,
    queries: Float32Array,
    count: number,
    k: number,
    isRange: boolean,
    threshold: number | undefined,
    isApproximate: boolean,
    isCoded: boolean,
    filter: string | undefined,
    ids: Ids | undefined,
    withMetadata: boolean,
  ) => NativeVectorSearch;
  /** Refuses rows that are not finite. */
  checkQueries(queries: Float32Array, dimensions: number): void;
  /** Delivers 16 hexadecimal digits of XXH3. */
  checksumOf(id: number, bytes: Uint8Array): void;
}
