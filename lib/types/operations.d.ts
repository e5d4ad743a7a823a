// What running a cluster is about: results that are kept, what jobs cost, alerts, and what goes first under overload.

/** A tier of kept results, over all processes of the cluster. */
export interface ResultTier {
  /** 'memory' is each process's own; the others are shared. */
  name: 'memory' | 'redis' | 'disk';
  /** Results that it keeps; null where it does not say, as a Redis that others use, too. */
  entries: number | null;
  /** What they take; null where it does not say. */
  bytes: number | null;
  /** Bytes that they may take; null: it has no limit of ours. */
  limit: number | null;
  /** Jobs that were answered from here, since the start. */
  hits: number;
  /** Jobs that asked here and went on to the next tier, or ran. */
  misses: number;
  /**
   * `ok`; `away`: it does not answer, or takes nothing, and is left alone for a while; `off`: it is not configured.
   */
  state: 'ok' | 'away' | 'off';
}
/** Kept results. */
export interface ResultCacheUse {
  /** In the order in which they are asked. */
  tiers: ResultTier[];
}

/** What some jobs have cost. */
export interface CostSum {
  /** Jobs that ran; those that were answered by a kept result or an equal job's run are not among them. */
  jobs: number;
  /** Seconds of devices that they took: moving inputs, computing, moving outputs. */
  seconds: number;
  /** What these cost, in `currency`. */
  cost: number;
}
/** What was not spent. */
export interface Savings {
  /** On jobs that a kept result or an equal job's run has answered: what that run had cost. */
  cache: number;
  /** By several jobs in one launch: what they would have cost alone, as the same workload's single runs did. */
  batching: number;
  /** By jobs that went to a cheaper device than they had otherwise (`routing`). */
  routing: number;
}
/** A budget of the settings. */
export interface BudgetRule {
  /** Of its own. */
  name: string;
  /** A day and a month are those of UTC. */
  period: 'day' | 'month';
  /** What may be spent in a period. */
  limit: number;
  /**
   * The share of it from which on there is a warning.
   * @default 0.8
   */
  warnAt?: number;
  /**
   * Whether jobs are refused at the limit (ERR_BUDGET).
   * @default true
   */
  stop?: boolean;
}
/** A budget, and where it stands. */
export interface BudgetState {
  /** As the settings name it. */
  name: string;
  /** A day and a month are those of UTC. */
  period: 'day' | 'month';
  /** What may be spent in a period. */
  limit: number;
  /** In this one. */
  spent: number;
  /** `warning` from its share of the limit on; `stopped`: jobs are refused with ERR_BUDGET. */
  state: 'ok' | 'warning' | 'stopped';
  /** When the next period begins, as Date.now() has it. */
  resetsAt: number;
}
/** What jobs cost: of now, in short. */
export interface CostUse {
  /** Of all sums. */
  currency: string;
  /** Since the start. */
  now: CostSum;
  /** Since the start. */
  saved: Savings;
  /** In this hour, which began at its full hour in UTC. */
  hour: CostSum;
  /** In this day of UTC. */
  day: CostSum;
  /** Of the day, by device. */
  byDevice: Record<string, CostSum>;
  /** Of the day, by type of workload. */
  byWorkload: Record<string, CostSum>;
  /** Of the day, by the caller that jobs name; '' has those that name none. */
  byCaller: Record<string, CostSum>;
  /** Of the day, by the token that they came with. */
  byToken: Record<string, CostSum>;
  /** Of the day, by the model of texts that they ran. */
  byModel: Record<string, CostSum>;
  /** Of the day. */
  savings: Savings;
  /** In the order of the settings. */
  budgets: BudgetState[];
}
/** An hour or a day of it. */
export interface CostPeriod extends CostSum {
  /** When it began, as an ISO date and time. */
  start: string;
  savings: Savings;
  byDevice: Record<string, CostSum>;
  byWorkload: Record<string, CostSum>;
  byCaller: Record<string, CostSum>;
  byToken: Record<string, CostSum>;
  byModel: Record<string, CostSum>;
}
/** Something that would cost less. */
export interface CostAdvice {
  /** What it is about: another device, or results that are kept longer. */
  kind: 'device' | 'cache';
  /** What to do, in plain words. */
  what: string;
  /** Which jobs it is about: their type, and where they ran. */
  jobs: { workload: string; device: string; count: number };
  /** What these jobs have cost a day, as far as was seen. */
  cost: number;
  /** What they would have cost so. */
  predicted: number;
}
/** What costs() answers. */
export interface CostReport extends CostUse {
  /** The hours that are kept, the oldest first. */
  hours: CostPeriod[];
  /** The days that are kept, the oldest first. */
  days: CostPeriod[];
  /** The largest saving first. */
  advice: CostAdvice[];
}
/** Whom a job's cost is counted for. */
export interface Account {
  /** A user, a customer, a part of the application: at most 256 characters. */
  caller?: string;
  /** The name of the token that it came with. */
  token?: string;
  /** The model that it runs. */
  model?: string;
}

/** What an alert looks at. */
export type AlertMetric = 'memory' | 'queueAge' | 'errorRate' | 'latency' | 'temperature' | 'budget';
/** An alert of the settings. */
export interface AlertRule {
  /** Of its own. */
  name: string;
  /**
   * `memory`: the fullest tier, 0 to 1. `queueAge`: of the oldest job that waits, in ms. `errorRate`: jobs that failed
   * in the last minute, 0 to 1. `latency`: what 99 of 100 jobs of the last minute did not exceed, in ms. `temperature`:
   * of the hottest card, in degrees Celsius. `budget`: spent of the budget that is used up most, 0 to 1 and more.
   */
  metric: AlertMetric;
  /** It is raised while the value is above this... */
  above: number;
  /**
   * ...for so long, in ms.
   * @default 0
   */
  for?: number;
  /**
   * It is cleared once the value is at most this.
   * @default nine tenths of `above`
   */
  below?: number;
  /** Where it is told, too: its event as JSON by POST, to an http or https address. */
  webhook?: string;
}
/** The same with what it leaves out. */
export type ResolvedAlertRule = Required<Omit<AlertRule, 'webhook'>> & Pick<AlertRule, 'webhook'>;
/** An alert, and how it stands. */
export interface AlertState {
  name: string;
  metric: AlertMetric;
  /** `pending`: above its threshold, not for long enough yet; `unknown`: nothing here tells the value. */
  state: 'ok' | 'pending' | 'firing' | 'unknown';
  /** Since when it is so, as Date.now() has it. */
  since: number;
  /** Of the last look; null: nothing tells it. */
  value: number | null;
  /** Its `above`. */
  threshold: number;
}
/** An alert was raised, or cleared. */
export interface AlertEvent extends AlertState {
  state: 'ok' | 'firing';
}

/**
 * What is given up under overload, one after the other: `no-prefetch`: nothing is loaded ahead of its need, results are
 * not copied to slower tiers; `small-batches`: launches join fewer jobs, so that the urgent wait for less;
 * `refuse-low`: jobs of the lowest priorities are refused, the highest never.
 */
export type DegradationStage = 'none' | 'no-prefetch' | 'small-batches' | 'refuse-low';
/** What is given up now. */
export interface Degradation {
  stage: DegradationStage;
  /** All of them, in their order. */
  stages: DegradationStage[];
  /** Since when, as Date.now() has it. */
  since: number;
  /** Jobs that were refused for it, since the start. */
  refused: number;
  /** Priorities below this one are refused; null: none is. */
  refusedBelow: number | null;
}
/** Another stage. */
export interface DegradationEvent extends Degradation {
  /** Of the oldest job that waits, in ms. */
  queueAge: number;
}
