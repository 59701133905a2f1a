import type { ConcurrencyLimiterOptions } from '@bp/concurrency';

/** How calls wait for their permit. */
export interface Discipline {
  readonly name: string;
  /** Whether callers send their deadline. */
  readonly sendsDeadline: boolean;
  readonly options: Pick<ConcurrencyLimiterOptions, 'maxQueue' | 'sojourn'>;
}

const LONG = 10_000;

const sojourn = (targetMs: number, newestFirst: boolean): Discipline => ({
  name: `${newestFirst ? 'newest first, ' : ''}target ${targetMs} ms`,
  sendsDeadline: false,
  options: { maxQueue: LONG, sojourn: { targetMs, newestFirst } },
});

const TARGETS_MS = [5, 10, 20, 50, 100];

export const disciplines: readonly Discipline[] = [
  { name: 'a long queue', sendsDeadline: false, options: { maxQueue: LONG } },
  { name: 'a short queue (32)', sendsDeadline: false, options: { maxQueue: 32 } },
  ...TARGETS_MS.map((targetMs) => sojourn(targetMs, false)),
  ...TARGETS_MS.map((targetMs) => sojourn(targetMs, true)),
  { name: 'callers tell their deadline', sendsDeadline: true, options: { maxQueue: LONG } },
  {
    name: 'callers tell their deadline, target 50 ms',
    sendsDeadline: true,
    options: { maxQueue: LONG, sojourn: { targetMs: 50 } },
  },
];
