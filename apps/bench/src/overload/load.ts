import { parseArgs } from 'node:util';
import { build, type Histogram } from 'hdr-histogram-js';
import { Client, type Dispatcher } from 'undici';

/**
 * The load, in a process of its own: an open loop with Poisson arrivals. Arrivals never wait for answers, and the
 * latency of each counts from the moment it was scheduled, so a stalled server cannot hide its stall.
 * Prints one JSON report.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    rate: { type: 'string' },
    seconds: { type: 'string' },
    deadline: { type: 'string', default: '500' },
    connections: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
  },
});

export interface TierReport {
  readonly offered: number;
  readonly good: number;
}

export interface LoadReport {
  readonly seconds: number;
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
  readonly tiers: Readonly<Record<string, TierReport>>;
}

interface Arrival {
  readonly at: number;
  readonly tier: keyof typeof tierShare;
}

// The most important callers are few; the rest is what an overload is made of.
const tierShare = { gold: 0.05, silver: 0.25, bronze: 0.7 } as const;

/** A small seeded generator (mulberry32), so that every server meets the same arrivals. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class OpenLoop {
  readonly #url = new URL(values.url ?? '');
  readonly #deadlineMs = Number(values.deadline);
  readonly #arrivals = seededRandom(Number(values.seed));
  readonly #users = seededRandom(Number(values.seed) + 1);
  readonly #idle: Client[] = [];
  readonly #waiting: Arrival[] = [];
  #firstWaiting = 0;
  readonly #admitted: Histogram = build();
  readonly #refusals: Histogram = build();
  readonly #counts = { offered: 0, good: 0, late: 0, refused: 0, unsent: 0, failed: 0 };
  readonly #tiers = Object.fromEntries(
    Object.keys(tierShare).map((tier) => [tier, { offered: 0, good: 0 }]),
  ) as Record<keyof typeof tierShare, { offered: number; good: number }>;
  #outstanding = 0;
  #body = '';

  constructor() {
    for (let i = 0; i < Number(values.connections); i++) {
      this.#idle.push(new Client(this.#url.origin, { pipelining: 1, bodyTimeout: 0, headersTimeout: 0 }));
    }
    this.#body = JSON.stringify({ item: 'book', quantity: 1 });
  }

  async run(ratePerSecond: number, seconds: number): Promise<LoadReport> {
    const start = performance.now();
    const end = start + seconds * 1000;
    let next = start;
    while (performance.now() < end) {
      const now = performance.now();
      for (; next <= now && next < end; next += (-Math.log(1 - this.#arrivals()) * 1000) / ratePerSecond) {
        this.#arrive(next);
      }
      this.#sendWaiting();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const giveUp = performance.now() + 10_000;
    while (this.#outstanding > 0 && performance.now() < giveUp) {
      this.#sendWaiting();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#counts.failed += this.#outstanding;
    return {
      seconds,
      ...this.#counts,
      admittedP50Ms: this.#admitted.getValueAtPercentile(50),
      admittedP99Ms: this.#admitted.getValueAtPercentile(99),
      refusedP99Ms: this.#refusals.getValueAtPercentile(99),
      tiers: this.#tiers,
    };
  }

  #arrive(at: number): void {
    const draw = this.#arrivals();
    const tier =
      draw < tierShare.gold ? 'gold' : draw < tierShare.gold + tierShare.silver ? 'silver' : 'bronze';
    this.#counts.offered++;
    this.#tiers[tier].offered++;
    this.#waiting.push({ at, tier });
  }

  /** Oldest first; what has waited for a connection until its deadline is given up, as its caller would. */
  #sendWaiting(): void {
    const expired = performance.now() - this.#deadlineMs;
    while (this.#firstWaiting < this.#waiting.length) {
      const arrival = this.#waiting[this.#firstWaiting] as Arrival;
      if (arrival.at >= expired) {
        const client = this.#idle.pop();
        if (client === undefined) break;
        this.#send(client, arrival);
      } else {
        this.#counts.unsent++;
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
    const leftMs = Math.max(1, Math.floor(arrival.at + this.#deadlineMs - performance.now()));
    client.dispatch(
      {
        method: 'POST',
        path: this.#url.pathname,
        headers: {
          'content-type': 'application/json',
          'x-user-id': `user-${Math.floor(this.#users() * 10_000)}`,
          'x-request-timeout-ms': String(leftMs),
          'x-tier': arrival.tier,
        },
        body: this.#body,
      },
      this.#handler(client, arrival),
    );
  }

  #handler(client: Client, arrival: Arrival): Dispatcher.DispatchHandler {
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
        this.#record(arrival, status);
      },
      onResponseError: () => {
        done();
        this.#counts.failed++;
      },
    };
  }

  #record(arrival: Arrival, status: number): void {
    const ms = performance.now() - arrival.at;
    if (status >= 200 && status < 300) {
      this.#admitted.recordValue(ms);
      if (ms <= this.#deadlineMs) {
        this.#counts.good++;
        this.#tiers[arrival.tier].good++;
      } else {
        this.#counts.late++;
      }
    } else if (status === 429 || status === 503 || status === 504) {
      this.#refusals.recordValue(ms);
      this.#counts.refused++;
    } else {
      this.#counts.failed++;
    }
  }
}

console.log(JSON.stringify(await new OpenLoop().run(Number(values.rate), Number(values.seconds))));
process.exit(0);
