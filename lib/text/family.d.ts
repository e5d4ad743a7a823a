// What a family of models is: a table of steps, with what is read from config.json for it.
import type { Step, TensorSpec } from './plan';

/** Methods, so that one of any sizes is a family. */
export interface Family<Sizes> {
  name: string;
  /** Of encoders, as config.json says them. */
  architectures: string[];
  /** Those with the head of a cross-encoder. */
  classifiers: string[];
  /** Names of tensors that a file may have and that no result depends on. */
  unused: RegExp[];
  /** Throws ERR_UNSUPPORTED naming a key. */
  read(config: Record<string, unknown>, where: string): Sizes;
  /** Of a text. */
  maxTokens(sizes: Sizes): number;
  /**
   * Where they begin, and the token that has its own id as its position, and counts for no other's; left out: from 0,
   * and each token counts.
   */
  positions?(sizes: Sizes): { first: number; skipped: number };
  /** A number for each query and key, [longest, longest]. */
  pairs?(longest: number): Int32Array;
  tensors(sizes: Sizes): TensorSpec[];
  steps(sizes: Sizes): Step[];
  /** Of a cross-encoder: from 'hidden' [t, d] to 'logits' [n, 1]. */
  head: { tensors(sizes: Sizes): TensorSpec[]; steps(sizes: Sizes): Step[] };
}
