// Devices: what there is to compute on, and why something is missing.
import type { Backend } from '../generated';

/** What a device can do. */
export interface DeviceFeatures {
  /** Computes with float16. */
  float16: boolean;
  /** Computes with int8. */
  int8: boolean;
  /** Has subgroup operations. */
  subgroups: boolean;
  /** Has matrix units for shaders. */
  cooperativeMatrix: boolean;
  /** Draws. */
  graphics: boolean;
  /** Reads host memory in place. */
  externalHostMemory: boolean;
  /** Has timeline semaphores. */
  timelineSemaphore: boolean;
}
/** What a card has to another one, beside the way through the host's memory. */
export interface DeviceLink {
  /** The other one's id. */
  device: string;
  /** NVLink joins them, as NVML says: directly, or through switches. */
  nvlink: boolean;
  /** Its driver lets this one read the other one's memory. */
  peer: boolean;
}
/** A device that jobs can run on. */
export interface DeviceInfo {
  /** 'cuda:0' for example. */
  id: string;
  /** Its kind. */
  backend: Backend;
  /** Its number among those of its kind. */
  index: number;
  /** As its driver calls it. */
  name: string;
  /** The same for one card under CUDA and Vulkan. */
  uuid: string;
  /** Who made it. */
  vendor: string;
  /** The driver and its version. */
  driver: string;
  /** The version of its interface; of the CPU, the vector instructions that are used. */
  apiVersion: string;
  /** What it is: 'cpu' is a software device, or the CPU itself. */
  type: 'discrete' | 'integrated' | 'virtual' | 'cpu';
  /** In bytes. */
  memory: { total: number; free: number };
  /** Multiprocessors, compute units or threads. */
  computeUnits: number;
  /** CUDA alone: '9.0' for example. */
  computeCapability?: string;
  /** What it can do. */
  features: DeviceFeatures;
  /** The bytes that a kernel can see of one buffer; larger ones are bound in pieces. */
  maxViewBytes: number;
  /**
   * Where the driver cuts loops, as Mesa's software driver does after 65535: the turns that a thread of a shader makes
   * before its loops end, without an error. Built-in workloads are right there.
   */
  maxLoopTurns?: number;
  /** Of a card: its place on the PCI bus, as the system writes it: '0000:3b:00.0'. Left out where it isn't known. */
  pciBusId?: string;
  /** Of a card: the NUMA node that it is attached to. Left out where the system doesn't know, or has but one. */
  numaNode?: number;
  /** The processors of that node, as the system writes them: '0-15,32-47'. */
  numaCpus?: string;
  /** Of a CUDA device: others that it reaches past the host's memory. Left out where there are none. */
  links?: DeviceLink[];
  /** What is wrong with it, where something is. */
  warning?: string;
}
/**
 * In the order CUDA, hardware Vulkan, CPU, software Vulkan. Asks the drivers in this process.
 * @example console.table(devices());
 * @throws {GPUError} ERR_INVALID_ARGUMENT: a setting of the environment or the config file that can't be right
 */
export function devices(): DeviceInfo[];

/** Why a backend is not there. */
export interface BackendProblem {
  /** 'no driver', 'driver too old', 'built without CUDA', 'driver crashes', ... */
  reason: string;
  /** What was found. */
  detail: string;
  /** What helps. */
  remedy: string;
}
/** What this machine can do. */
export interface GPUCapabilities {
  /** There is a CUDA device. */
  cuda: boolean;
  /** There is a Vulkan device. */
  vulkan: boolean;
  /** There is the CPU. */
  cpu: boolean;
  /** A device draws. */
  graphics: boolean;
  /** As `vulkan`: what WebGPU asks for can be computed. */
  webgpu: boolean;
  /** As `graphics`: shaders of WebGL 1 are drawn. */
  webgl: boolean;
  /** As `graphics`: shaders of WebGL 2 are drawn. */
  webgl2: boolean;
  /** Those that were found. */
  devices: DeviceInfo[];
  /** For each backend that is not there, why. */
  problems: Partial<Record<Backend, BackendProblem>>;
}
/**
 * Asks each driver in a child process of its own; one that crashes, or does not answer within `timeout` ms, is a
 * problem listed.
 * @example const { cuda, problems } = await checkGPUCapabilities({ timeout: 5000 });
 * @throws {GPUError} ERR_INVALID_ARGUMENT: a timeout, or a setting, that can't be right
 */
export function checkGPUCapabilities(options?: { timeout?: number }): Promise<GPUCapabilities>;
