// The addon's calls for stores: lib/memory/store is the only caller.
import type { StoreStats } from '../index';

/** The addon's object for an open store. */
export interface StoreHandle {
  readonly isStoreHandle: never;
}
/** A store at one moment, its files held. */
export interface SnapshotHandle {
  readonly isSnapshotHandle: never;
}
/** A collection's file that is being written. */
export interface FileWriterHandle {
  readonly isFileWriterHandle: never;
}

export interface StoreCalls {
  /** Delivers a StoreHandle. */
  openStore: (id: number, path: string, readOnly: boolean, limit: number) => void;
  /** `expiry`: ms since 1970, 0 for none. */
  putObject: (id: number, store: StoreHandle, key: string, value: Uint8Array, expiry: number, durable: boolean) => void;
  /** Delivers whether it was there. */
  deleteObject: (id: number, store: StoreHandle, key: string, durable: boolean) => void;
  /** Delivers { buffer, offset, bytes }, or undefined. */
  getObject: (id: number, store: StoreHandle, key: string) => void;
  /** Delivers { sequence, isThere }, or undefined: nothing is known of that key. */
  lastRecord: (id: number, store: StoreHandle, key: string) => void;
  listObjects: (id: number, store: StoreHandle, prefix: string, after: string, limit: number) => void;
  storeStats: (store: StoreHandle) => Omit<StoreStats, 'readOnly'>;
  verifyStore: (id: number, store: StoreHandle) => void;
  /** Delivers a SnapshotHandle. */
  takeSnapshot: (id: number, store: StoreHandle) => void;
  writeSnapshot: (id: number, store: StoreHandle, snapshot: SnapshotHandle, path: string) => void;
  restoreStore: (id: number, snapshot: string, path: string) => void;
  closeStore: (id: number, store: StoreHandle) => void;
  /** Looks for objects whose time is over. */
  tendStore: (store: StoreHandle) => void;
  /** Files of which a little is dead are written anew without that, soon. */
  reclaimStore: (store: StoreHandle) => void;
  /** Delivers its number. */
  openCollection: (id: number, store: StoreHandle, name: string) => void;
  /** Delivers its sequence. */
  appendRecord: (id: number, store: StoreHandle, collection: number, pieces: Uint8Array[], durable: boolean) => void;
  recoverCollection: (id: number, store: StoreHandle, collection: number) => void;
  readRecords: (id: number, store: StoreHandle, collection: number, after: number) => void;
  /** Delivers a FileWriterHandle. */
  beginFile: (id: number, store: StoreHandle, collection: number, name: string) => void;
  writeToFile: (id: number, store: StoreHandle, writer: FileWriterHandle, bytes: Uint8Array) => void;
  /** Delivers { path, bytes }. */
  endFile: (id: number, store: StoreHandle, collection: number, name: string, writer: FileWriterHandle) => void;
  abandonFile: (id: number, store: StoreHandle, writer: FileWriterHandle) => void;
  makeCheckpoint: (
    id: number,
    store: StoreHandle,
    collection: number,
    through: number,
    state: string,
    files: string[],
  ) => void;
  /** Delivers { buffer, source }. */
  mapFile: (id: number, store: StoreHandle, collection: number, name: string) => void;
  checkFile: (id: number, store: StoreHandle, collection: number, name: string, offset: number, bytes: number) => void;
  dropCollection: (id: number, store: StoreHandle, collection: number) => void;
}
