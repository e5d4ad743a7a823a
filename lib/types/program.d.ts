// Users' own kernels and shaders.
import type { DType } from '../generated';
import type { InputTensor } from './tensor';

/**
 * A source as text, or the file it is in: with ENABLE_GPU_HOT_RELOAD a manager compiles it again whenever the file
 * changes.
 */
export type Source<Text = string> = Text | { file: string };
/**
 * A kernel's sources: GLSL (`#version 450`) or SPIR-V for Vulkan, CUDA C++ for CUDA, or one of each. At most 1 MiB
 * each.
 */
export interface KernelOptions {
  /** For messages, and the entry of a CUDA source. */
  name: string;
  /** Vulkan GLSL: `#version 450`. */
  glsl?: Source;
  /** Instead of glsl: the words of a module. */
  spirv?: Source<Uint8Array | Uint32Array>;
  /**
   * CUDA C++, whose entry is the `__global__` function called `name`, or the only one. Its accesses are not checked
   * against bounds: trusted code only.
   */
  cuda?: Source;
  /** With cuda (required): what its parameters are called, in order. With spirv: what its buffers are called. */
  bindings?: readonly string[];
  /**
   * With cuda: options of its compiler. There are `-DNAME=VALUE` (`--define-macro=`), `-UNAME` (`--undefine-macro=`),
   * `--std=` (`c++14`, `c++17`, the default, or `c++20`), `--use_fast_math`, `--ftz=`, `--prec-sqrt=`, `--prec-div=`
   * and `--fmad=` (`true` or `false`), `--extra-device-vectorization`, `--restrict`, `--maxrregcount=` (16 to 255),
   * `--device-int128`, `--generate-line-info`, `--disable-warnings` and `--diag-suppress=`. The toolkit's headers
   * (`cuda_fp16.h`, `cuda_bf16.h`, `mma.h`, those of libcu++) are found without an option, where they are installed.
   */
  cudaOptions?: readonly string[];
  /**
   * With cuda. 'portable', the default: code for the oldest of the cards that the setting `devices` allows, which
   * newer ones run as well. 'architecture': the source may use what only one architecture has (`sm_90a`, `sm_100a`;
   * they begin with compute capability 9.0), and is compiled for that of each kind of card that is allowed. A kind for
   * which it does not compile has no code, as long as another has, which a warning in the log says: a job that is
   * given to such a card ends with ERR_UNSUPPORTED, so on a machine with cards of several kinds let `devices` name
   * those that are meant. With glsl or spirv beside it, the CUDA source is left out, with a warning, where the
   * compiler knows no such features.
   */
  cudaFeatures?: 'portable' | 'architecture';
  /**
   * With cuda: bytes of dynamic shared memory (`extern __shared__`) that each block gets. More than 48 KB is asked of
   * the card, up to what a block can have there: ERR_UNSUPPORTED beyond.
   */
  sharedBytes?: number;
}
/** A buffer, or (of a shader) a picture to sample. */
export interface ProgramBinding {
  /** As the source calls it. */
  readonly name: string;
  /** What it is. */
  readonly kind: 'buffer' | 'image';
  /** 'other': structs, vectors, 64-bit values; any dtype will do. */
  readonly element: DType | 'other';
  /** Bytes of an element of its run-time array; 0: it has none. */
  readonly elementBytes: number;
  /** The bytes it must have at least. */
  readonly minBytes: number;
  /** The source only reads it. */
  readonly readOnly: boolean;
  /** The source only writes it. */
  readonly writeOnly: boolean;
}
/** The kinds of numbers of a parameter. */
export type ProgramScalar = 'float' | 'int' | 'uint' | 'bool';
/** A value of the parameter block: columns x rows numbers, as often as it has elements. */
export interface ProgramParam {
  /** As the source calls it. */
  readonly name: string;
  /** The kind of its numbers. */
  readonly scalar: ProgramScalar;
  /** The rows of a column: 1 for a number. */
  readonly rows: number;
  /** 1 unless it is a matrix. */
  readonly columns: number;
  /** The elements of an array; 0: it is none. */
  readonly elements: number;
  /** Bytes from the start of the block. */
  readonly offset: number;
  /** Bytes from one element of an array to the next. */
  readonly arrayStride: number;
  /** Bytes from one column of a matrix to the next. */
  readonly matrixStride: number;
}
/** What a kernel and a shader have in common. */
export interface Program {
  /** As it was given. */
  readonly name: string;
  /** 64 hexadecimal digits, of its sources, options and compilers. */
  readonly id: string;
  /** Its buffers and pictures. */
  readonly bindings: readonly ProgramBinding[];
  /** The values of its parameter block. */
  readonly params: readonly ProgramParam[];
  /** Where it runs. */
  readonly backends: readonly ('vulkan' | 'cuda')[];
  /** Milliseconds, of the source and of the devices' part of it. */
  readonly compilationTime: number;
  /** Where it was found when it was last asked for; false: it was compiled. */
  readonly cached: 'memory' | 'cluster' | 'disk' | false;
  /**
   * What went wrong on the way and was got over, as a damaged file in the cache; and what a driver here will do to the
   * program, without an error: end a loop that may make more turns than it allows (`maxLoopTurns` of the device).
   */
  readonly problems: readonly string[];
}
/** A compute program. Made by compileKernel(). It cannot be used once its manager or context is closed (ERR_CLOSED). */
export interface Kernel extends Program {}
export class Kernel {
  private constructor();
  /** Invocations of a work group; zeros where a CUDA kernel leaves it open. */
  readonly groupSize: readonly [number, number, number];
}
/** What each vertex has one value of. */
export interface ShaderAttribute {
  /** As the source calls it. */
  readonly name: string;
  /** The kind of its numbers. */
  readonly scalar: ProgramScalar;
  /** How many numbers a column has. */
  readonly rows: number;
  /** 1 unless it is a matrix. */
  readonly columns: number;
}
/** A vertex and a fragment program. Made by compileShader(). */
export interface Shader extends Program {}
export class Shader {
  private constructor();
  /** What a vertex has. What the shader declares and does not use is not here; it may be given all the same. */
  readonly attributes: readonly ShaderAttribute[];
}
/**
 * Scalars as numbers (bool: true, false); vectors, matrices column by column, and arrays with exactly their number of
 * values.
 */
export type ParamValue =
  number | boolean | readonly number[] | readonly boolean[] | Float32Array | Float64Array | Int32Array | Uint32Array;

/**
 * One run of a kernel. A binding that stands in both inputs and outputs starts as the input and comes back as the
 * output; the input itself is never written. Outputs start as zeros unless the kernel declares them `writeonly`. At
 * most 8 inputs and 8 outputs.
 */
export interface KernelWorkload<Output extends string = string> {
  /** A kernel of your own. */
  type: 'kernel';
  /** Which. */
  kernel: Kernel;
  /** By the names of the bindings. */
  inputs?: Record<string, InputTensor>;
  /** dtype: what the kernel declares, float32 where it does not tell. */
  outputs: Record<Output, { shape: readonly number[]; dtype?: DType }>;
  /** All of the kernel's. */
  params?: Record<string, ParamValue>;
  /** How many invocations there must be at least, along x, or along x, y and z: the kernel checks its own bounds. */
  threads: number | readonly [number] | readonly [number, number] | readonly [number, number, number];
  /** For logs and events; one is made where there is none. */
  id?: string;
}
