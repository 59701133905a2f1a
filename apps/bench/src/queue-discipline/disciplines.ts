import type { ConcurrencyLimiterOptions } from '@bp/concurrency';

/** How calls wait for their permit. */
export interface Discipline {
  readonly name: string;
  /** Whether callers say how long they will wait. */
  readonly tellsDeadline: boolean;
  readonly options: Pick<ConcurrencyLimiterOptions, 'maxQueue' | 'sojourn'>;
}

const LONG = 10_000;

const sojourn = (targetMs: number, newestFirst: boolean): Discipline => ({
  name: `${newestFirst ? 'newest first, ' : ''}target ${targetMs} ms`,
  tellsDeadline: false,
  options: { maxQueue: LONG, sojourn: { targetMs, newestFirst } },
});

const TARGETS_MS = [5, 10, 20, 50, 100];

export const disciplines: readonly Discipline[] = [
  { name: 'a long queue', tellsDeadline: false, options: { maxQueue: LONG } },
  { name: 'a short queue (32)', tellsDeadline: false, options: { maxQueue: 32 } },
  ...TARGETS_MS.map((targetMs) => sojourn(targetMs, false)),
  ...TARGETS_MS.map((targetMs) => sojourn(targetMs, true)),
  { name: 'callers tell their deadline', tellsDeadline: true, options: { maxQueue: LONG } },
  {
    name: 'callers tell their deadline, target 50 ms',
    tellsDeadline: true,
    options: { maxQueue: LONG, sojourn: { targetMs: 50 } },
  },
];
