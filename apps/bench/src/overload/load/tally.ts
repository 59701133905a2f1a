import { build, type Histogram } from 'hdr-histogram-js';

/** The share of requests of each tier: the most important clients are few. */
export const TIER_SHARES = { gold: 0.05, silver: 0.25, bronze: 0.7 } as const;

export type Tier = keyof typeof TIER_SHARES;

/** One stretch of a load. */
export interface Phase {
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
}

/** What became of the requests of one tier. */
export interface TierReport {
  readonly offered: number;
  readonly good: number;
  readonly late: number;
  readonly rejected: number;
}

/** What became of the requests of one phase. */
export interface LoadReport extends Phase {
  readonly offered: number;
  /** Answered 2xx within the deadline. */
  readonly good: number;
  /** Answered 2xx after the deadline. */
  readonly late: number;
  /** Answered 429, 503 or 504. */
  readonly rejected: number;
  /** Given up by the client at the deadline, because no connection was free. */
  readonly unsent: number;
  readonly failed: number;
  readonly admittedP50Ms: number;
  readonly admittedP99Ms: number;
  readonly rejectedP99Ms: number;
  /** The share of the phase in which the load generator was busy. Near 1 it limits what is measured. */
  readonly generatorBusy: number;
  readonly tiers: Readonly<Record<Tier, TierReport>>;
}

/** Counts what becomes of the requests of one phase. */
export class Tally {
  readonly #phase: Phase;
  readonly #deadlineMs: number;
  readonly #admitted: Histogram = build();
  readonly #rejections: Histogram = build();
  readonly #counts = { offered: 0, good: 0, late: 0, rejected: 0, unsent: 0 };
  readonly #tiers = Object.fromEntries(
    Object.keys(TIER_SHARES).map((tier) => [tier, { offered: 0, good: 0, late: 0, rejected: 0 }]),
  ) as Record<Tier, { -readonly [K in keyof TierReport]: number }>;
  generatorBusy = 0;

  constructor(phase: Phase, deadlineMs: number) {
    this.#phase = phase;
    this.#deadlineMs = deadlineMs;
  }

  offered(tier: Tier): void {
    this.#counts.offered++;
    this.#tiers[tier].offered++;
  }

  unsent(): void {
    this.#counts.unsent++;
  }

  /** @param status - of the response; undefined if there was none. */
  responded(tier: Tier, status: number | undefined, ms: number): void {
    const outcome = this.#outcome(status, ms);
    if (outcome === undefined) return;
    this.#counts[outcome]++;
    this.#tiers[tier][outcome]++;
    (outcome === 'rejected' ? this.#rejections : this.#admitted).recordValue(ms);
  }

  #outcome(status: number | undefined, ms: number): 'good' | 'late' | 'rejected' | undefined {
    if (status === 429 || status === 503 || status === 504) return 'rejected';
    if (status === undefined || status < 200 || status > 299) return undefined;
    return ms <= this.#deadlineMs ? 'good' : 'late';
  }

  report(): LoadReport {
    const { offered, good, late, rejected, unsent } = this.#counts;
    return {
      ...this.#phase,
      ...this.#counts,
      // A missing response is a failure too.
      failed: offered - good - late - rejected - unsent,
      admittedP50Ms: this.#admitted.getValueAtPercentile(50),
      admittedP99Ms: this.#admitted.getValueAtPercentile(99),
      rejectedP99Ms: this.#rejections.getValueAtPercentile(99),
      generatorBusy: this.generatorBusy,
      tiers: this.#tiers,
    };
  }
}
