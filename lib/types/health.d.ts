// What a cluster says of itself: contexts, health, memory.
import type { Backend } from '../generated';

/** A context of the cluster. */
export interface ContextInfo {
  /** '<workerId>-<type>-<n>' */
  id: string;
  /** The worker that owns it; 0: the primary process, or one that is alone. */
  workerId: number;
  /** The kind of its device. */
  contextType: Backend;
  /** Its device's id. */
  device: string;
  /** What it does. */
  state: 'idle' | 'busy' | 'lost' | 'starting';
  /** Whether it takes jobs. */
  isActive: boolean;
  /** As Date.now() has it; 0: never. */
  lastUsed: number;
  /** Bytes. */
  memoryUsage: number;
  /** Bytes. */
  memoryLimit: number;
  /** Compiled programs it holds. */
  shaderCount: number;
  /** Jobs it has run. */
  jobsRun: number;
}
/** A job under way. */
export interface JobInfo {
  /**
   * Its `id`, the first 256 characters of a longer one, or the name that it got: what its result and its errors have as
   * `workloadId`.
   */
  id: string;
  /** Its workload's. */
  type: string;
  /** 'running': it was given to a context, where it may wait behind another job. */
  state: 'queued' | 'running';
  /** How long it has been so, in ms. */
  sinceMs: number;
  /** As it was asked for: higher goes first. */
  priority: number;
  /** When its time is up, as Date.now() has it; null: never. */
  deadline: number | null;
  /** What it is expected to take, in ms: as measured on such a device, or as estimated for a reference core. */
  costMs: number;
  /** Where it runs. */
  contextId?: string;
  /** Why it waits, in plain words; missing where it runs. */
  reason?: string;
  /** How far it is, as the event `progress` tells it; missing where nothing is known. */
  progress?: { done: number; total: number };
}
/** The memory of one device. */
export interface MemoryStats {
  /** In use. */
  allocatedMb: number;
  /** Taken from the device, used or not. */
  reservedMb: number;
  /** The most that was ever in use. */
  maxAllocatedMb: number;
  /** The device's, where it is known, else what its contexts may use. */
  totalMb: number;
  /** What is in use of the total, in per cent. */
  utilizationPct: number;
}
/** How a worker is. */
export interface WorkerHealth {
  /** 0: the primary process, or one that is alone. */
  id: number;
  /** Its process. */
  pid: number;
  /** How far it has come. */
  state: 'joining' | 'starting' | 'ready' | 'leaving';
  /** Ids of its contexts. */
  contexts: string[];
  /** How long ago its event loop last turned; null: never. */
  loopAgeMs: number | null;
  /** The same of the threads that run jobs. */
  deviceAgeMs: number | null;
}
/** How a context is. */
export interface ContextHealth {
  /** '<workerId>-<type>-<n>' */
  id: string;
  /** The kind of its device. */
  contextType: Backend;
  /** Its device's id. */
  device: string;
  /** As its driver calls it. */
  deviceName: string;
  /** 'closed': it takes no more jobs. */
  state: 'idle' | 'busy' | 'lost' | 'starting' | 'closed';
  /** How long ago its last self-test (a product whose result is known) passed; null: never. */
  lastKnownAnswerAgeMs: number | null;
}
/** How a cluster is. */
export interface ClusterHealth {
  /** 'down': no context can take a job. */
  status: 'ok' | 'degraded' | 'down';
  /** Those that there are. */
  workers: WorkerHealth[];
  /** Those of all workers. */
  contexts: ContextHealth[];
  /** The jobs that wait, and that run. */
  queue: { depth: number; running: number; limit: number; oldestAgeMs: number };
  /** How many workers were replaced, by reason. */
  restarts: Record<string, number>;
  /** Devices that have ended the workers that opened them, and are left out. */
  avoidedDevices: string[];
  /**
   * Devices that a process without a cluster has lost and can't open again, as a card of CUDA after a fatal error: it
   * has to be restarted. (A cluster replaces the worker.)
   */
  lostDevices: string[];
  /** The tiers of memory: of each context, of the host, and of the stores with a limit that workers have open. */
  memory: MemoryTier[];
  /** It finishes what it has, and takes no more. */
  draining: boolean;
}
/** A tier of memory: how full it is. */
export interface MemoryTier {
  /** The memory of a context, the host's, or a store's on the disk. */
  tier: 'device' | 'host' | 'disk';
  /** Whose: a context's id, where the host's numbers are from ('cgroup v2', 'cgroup v1', 'host'), or which stores. */
  of: string;
  /**
   * `high` from 60% of the limit: caches stop growing, what is used least moves down. `recovery` from 80%: all goes
   * that can, and what needs the tier is refused. Each is left ten points lower.
   */
  state: 'normal' | 'high' | 'recovery';
  /** Bytes in use. */
  used: number;
  /** Bytes that may be; null: there is no limit. */
  limit: number | null;
  /** Until it is full, if it goes on growing as in the last minutes, in ms; null: it does not grow. */
  fullInMs: number | null;
}
/** A tier of memory has changed its state, or will be full within `memoryFullWithin`. */
export interface MemoryPressureEvent extends MemoryTier {
  /** Of a context's memory. */
  contextId?: string;
  /** Whose it is; 0: the primary process, one that is alone, or the machine's. */
  workerId: number;
  /** `used` in MB. */
  memoryUsage: number;
  /** `limit` in MB; 0: there is none. */
  memoryLimit: number;
  /** Of the limit, in per cent. */
  utilization: number;
}
