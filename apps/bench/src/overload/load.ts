import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { build, type Histogram } from 'hdr-histogram-js';
import { Client, type Dispatcher } from 'undici';
import { seededRandom } from '../seeded-random.ts';
import type { Phase } from './run.ts';

/**
 * The load, in a process of its own: an open loop with Poisson arrivals. Arrivals never wait for answers, and the
 * latency of each counts from the moment it was scheduled, so a stalled server cannot hide its stall.
 * Says when it is connected, begins when it is told to, and sends a report for each phase.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    phases: { type: 'string' },
    deadline: { type: 'string', default: '500' },
    connections: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
  },
});

export interface TierReport {
  readonly offered: number;
  readonly good: number;
  readonly late: number;
  readonly refused: number;
}

export interface LoadReport extends Phase {
  readonly offered: number;
  /** Answered 2xx within the deadline. */
  readonly good: number;
  /** Answered 2xx after the deadline. */
  readonly late: number;
  /** Answered 429, 503 or 504. */
  readonly refused: number;
  /** Given up by the client at the deadline because no connection was free. */
  readonly unsent: number;
  readonly failed: number;
  readonly admittedP50Ms: number;
  readonly admittedP99Ms: number;
  readonly refusedP99Ms: number;
  /** The share of the phase in which this process was busy itself: near 1, what is measured is no longer the server alone. */
  readonly generatorBusy: number;
  readonly tiers: Readonly<Record<string, TierReport>>;
}

interface Arrival {
  readonly at: number;
  readonly tier: keyof typeof tierShare;
  readonly user: number;
  readonly tally: Tally;
}

// The most important callers are few; the rest is what an overload is made of.
const tierShare = { gold: 0.05, silver: 0.25, bronze: 0.7 } as const;

const deadlineMs = Number(values.deadline);

/** Connections that are being opened at once. */
const CONNECTING = 8;

/** What became of the arrivals of one phase. */
class Tally {
  readonly #phase: Phase;
  readonly #admitted: Histogram = build();
  readonly #refusals: Histogram = build();
  readonly counts = { offered: 0, good: 0, late: 0, refused: 0, unsent: 0 };
  readonly tiers = Object.fromEntries(
    Object.keys(tierShare).map((tier) => [tier, { offered: 0, good: 0, late: 0, refused: 0 }]),
  ) as Record<keyof typeof tierShare, { -readonly [K in keyof TierReport]: number }>;
  generatorBusy = 0;

  constructor(phase: Phase) {
    this.#phase = phase;
  }

  offered(tier: keyof typeof tierShare): void {
    this.counts.offered++;
    this.tiers[tier].offered++;
  }

  answered(tier: keyof typeof tierShare, status: number, ms: number): void {
    const outcome =
      status >= 200 && status < 300
        ? ms <= deadlineMs
          ? 'good'
          : 'late'
        : status === 429 || status === 503 || status === 504
          ? 'refused'
          : 'failed';
    if (outcome === 'failed') return;
    this.counts[outcome]++;
    this.tiers[tier][outcome]++;
    (outcome === 'refused' ? this.#refusals : this.#admitted).recordValue(ms);
  }

  report(): LoadReport {
    const { offered, good, late, refused, unsent } = this.counts;
    return {
      ...this.#phase,
      ...this.counts,
      // An answer that never came is a failure too.
      failed: offered - good - late - refused - unsent,
      admittedP50Ms: this.#admitted.getValueAtPercentile(50),
      admittedP99Ms: this.#admitted.getValueAtPercentile(99),
      refusedP99Ms: this.#refusals.getValueAtPercentile(99),
      generatorBusy: this.generatorBusy,
      tiers: this.tiers,
    };
  }
}

class OpenLoop {
  readonly #url = new URL(values.url ?? '');
  readonly #random = seededRandom(Number(values.seed));
  readonly #idle: Client[] = [];
  readonly #waiting: Arrival[] = [];
  readonly #body = JSON.stringify({ item: 'book', quantity: 1 });
  #firstWaiting = 0;
  #outstanding = 0;

  constructor() {
    for (let i = 0; i < Number(values.connections); i++) {
      this.#idle.push(new Client(this.#url.origin, { pipelining: 1, bodyTimeout: 0, headersTimeout: 0 }));
    }
  }

  /** Opens every connection, a few at a time: what is measured is the server, not the kernel's line of new connections. */
  async connect(): Promise<void> {
    const closed = [...this.#idle];
    const open = async (): Promise<void> => {
      for (let client = closed.pop(); client !== undefined; client = closed.pop()) {
        const { body } = await client.request({ method: 'GET', path: '/ready' });
        await body.dump();
      }
    };
    await Promise.all(Array.from({ length: CONNECTING }, open));
  }

  async run(phases: readonly Phase[]): Promise<LoadReport[]> {
    const tallies: Tally[] = [];
    let next = performance.now();
    for (const phase of phases) {
      const tally = new Tally(phase);
      tallies.push(tally);
      const loopTime = performance.eventLoopUtilization();
      const end = next + phase.seconds * 1000;
      while (next < end) {
        for (const now = performance.now(); next <= now && next < end; next += this.#gapMs(phase.rate)) {
          this.#arrive(next, tally);
        }
        this.#sendWaiting();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      tally.generatorBusy = performance.eventLoopUtilization(loopTime).utilization;
      next = end;
    }
    const giveUp = performance.now() + 10_000;
    while (this.#outstanding > 0 && performance.now() < giveUp) {
      this.#sendWaiting();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return tallies.map((tally) => tally.report());
  }

  #gapMs(ratePerSecond: number): number {
    return (-Math.log(1 - this.#random()) * 1000) / ratePerSecond;
  }

  #arrive(at: number, tally: Tally): void {
    const draw = this.#random();
    const tier =
      draw < tierShare.gold ? 'gold' : draw < tierShare.gold + tierShare.silver ? 'silver' : 'bronze';
    tally.offered(tier);
    this.#waiting.push({ at, tier, user: Math.floor(this.#random() * 10_000), tally });
  }

  /** Oldest first; what has waited for a connection until its deadline is given up, as its caller would. */
  #sendWaiting(): void {
    const expired = performance.now() - deadlineMs;
    while (this.#firstWaiting < this.#waiting.length) {
      const arrival = this.#waiting[this.#firstWaiting] as Arrival;
      if (arrival.at >= expired) {
        const client = this.#idle.pop();
        if (client === undefined) break;
        this.#send(client, arrival);
      } else {
        arrival.tally.counts.unsent++;
      }
      this.#firstWaiting++;
    }
    if (this.#firstWaiting > 10_000) {
      this.#waiting.splice(0, this.#firstWaiting);
      this.#firstWaiting = 0;
    }
  }

  #send(client: Client, arrival: Arrival): void {
    this.#outstanding++;
    const leftMs = Math.max(1, Math.floor(arrival.at + deadlineMs - performance.now()));
    client.dispatch(
      {
        method: 'POST',
        path: this.#url.pathname,
        headers: {
          'content-type': 'application/json',
          'x-user-id': `user-${arrival.user}`,
          'x-request-timeout-ms': String(leftMs),
          'x-tier': arrival.tier,
        },
        body: this.#body,
      },
      this.#handler(client, arrival),
    );
  }

  #handler(client: Client, { at, tier, tally }: Arrival): Dispatcher.DispatchHandler {
    let status = 0;
    const done = (): void => {
      this.#outstanding--;
      this.#idle.push(client);
    };
    return {
      onRequestStart() {},
      onResponseStart(_controller, statusCode) {
        status = statusCode;
      },
      onResponseData() {},
      onResponseEnd: () => {
        done();
        tally.answered(tier, status, performance.now() - at);
      },
      onResponseError: done,
    };
  }
}

const loop = new OpenLoop();
await loop.connect();
process.send?.('connected');
process.once('message', async () => {
  process.send?.(await loop.run(JSON.parse(values.phases ?? '[]') as Phase[]));
});
