// Where lines of the log go.

/**
 * A logger of the application: pino's interface. Given as `logger`, it gets the lines of its process in the place of
 * the manager's own on stderr; those of its own level, where it has `isLevelEnabled` or `level`, else those of
 * `logLevel`. Workers that the manager forks are other processes, and write their own lines.
 * @example const manager = createGPUClusterManager({ logger: pino({ name: 'search' }) });
 */
export interface GPULogger {
  /** The least that is logged. */
  level?: string;
  /** Whether lines of a level are written: then no line is made of what is not. */
  isLevelEnabled?(level: string): boolean;
  /** The same with fields for every line; without it they are put into each. */
  child?(fields: object): GPULogger;
  /** Without it `debug`. */
  trace?(fields: object | string, message?: string): void;
  /** Who does what for which job. */
  debug(fields: object | string, message?: string): void;
  /** What goes as it should. */
  info(fields: object | string, message?: string): void;
  /** What may be wrong. */
  warn(fields: object | string, message?: string): void;
  /** What is wrong. */
  error(fields: object | string, message?: string): void;
  /** Without it `error`. */
  fatal?(fields: object | string, message?: string): void;
}
