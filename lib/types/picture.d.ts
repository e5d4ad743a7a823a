// Pictures: shaders and scenes that draw them, streams of them, PNG.
import type { SceneName } from '../generated';
import type { InputTensor, Tensor } from './tensor';
import type { Timings } from './context';
import type { ParamValue, Shader } from './program';

/** A picture drawn by a shader. Its output is `image`: uint8 [height, width, 4]. */
export interface ShaderWorkload {
  /** A picture. */
  type: 'render';
  /** What draws it. */
  shader: Shader;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  /**
   * What the vertices make.
   * @default 'triangles'
   */
  primitive?: 'points' | 'lines' | 'triangles';
  /**
   * Vertices.
   * @default as many as every attribute has data for
   */
  count?: number;
  /**
   * How often it is drawn.
   * @default 1
   */
  instances?: number;
  /** By name, one value for each vertex. */
  attributes?: Record<string, InputTensor>;
  /** Storage buffers, by name. */
  inputs?: Record<string, InputTensor>;
  /**
   * Values, and pictures for samplers: [height, width] or [height, width, channels] of uint8 or float32, sampled with
   * `filter` ('linear' when left out), rows in the order of their second texture coordinate.
   */
  uniforms?: Record<string, ParamValue | (InputTensor & { filter?: 'linear' | 'nearest' })>;
  /**
   * How colours are laid over what is there. 'alpha': they are not multiplied by their alpha; 'premultiplied': they
   * are; 'additive': colour times alpha is added.
   * @default 'alpha'
   */
  blend?: 'none' | 'alpha' | 'additive' | 'premultiplied';
  /**
   * Red, green, blue and alpha from 0 to 1.
   * @default transparent black
   */
  background?: readonly number[];
  /**
   * Four samples a pixel.
   * @default true
   */
  antialias?: boolean;
  /** For logs and events; one is made where there is none. */
  id?: string;
}
/** A picture of a kind the engine knows how to draw. Its output is `image`: uint8 [height, width, 4]. */
export interface SceneWorkload {
  /** A picture. */
  type: 'render';
  /** Which. */
  scene: SceneName;
  /**
   * Pixels.
   * @default 1280
   */
  width?: number;
  /**
   * Pixels.
   * @default 720
   */
  height?: number;
  /**
   * Seconds: what moves is shown as it is then.
   * @default 0
   */
  time?: number;
  /** What it shows: docs/scenes.md. */
  inputs: Record<string, InputTensor>;
  /** The scene's own; texts are strings or arrays of strings. */
  params?: Record<string, number | boolean | string | readonly string[]>;
  /** For logs and events; one is made where there is none. */
  id?: string;
}

/** Options of renderStream(). */
export interface StreamOptions {
  /**
   * Frames a second.
   * @default the setting `targetFps`
   */
  fps?: number;
  /** Ends the stream: whoever waits for a frame gets ERR_CANCELED. */
  signal?: AbortSignal;
  /**
   * Frames under way at a time.
   * @default 1
   */
  inFlight?: 1 | 2;
}
/** A frame of a stream. */
export interface Frame {
  /** uint8 [height, width, 4] */
  image: Tensor;
  /** Its tick: frames that were dropped leave gaps. */
  frame: number;
  /** Seconds since the first frame. */
  time: number;
  /** Frames dropped so far: not rendered in time, or not read before the next was there. */
  dropped: number;
  /** What it took. */
  timings: Timings;
}
/**
 * A workload whose time the stream sets: of a scene its `time`, of a shader the uniform `u_time` or `time`; or a
 * function that makes each frame's.
 */
export type StreamedWorkload =
  SceneWorkload | ShaderWorkload | ((time: number, frame: number) => SceneWorkload | ShaderWorkload);

/**
 * An image, uint8 [height, width, 4] (or 3, 1, or no channels), as a PNG file. Needs the package `sharp`.
 * @example await fs.promises.writeFile('attention.png', await encodePNG(outputs.image));
 * @throws {GPUError} ERR_INVALID_ARGUMENT: it is no image; ERR_UNSUPPORTED: the package is not installed
 */
export function encodePNG(image: Tensor): Promise<Buffer>;
