import { performance } from 'node:perf_hooks';
import { Connection } from '../../connection.ts';
import { seededRandom } from '../../seeded-random.ts';
import { type LoadReport, type Phase, Tally, TIER_SHARES, type Tier } from './tally.ts';

export interface OpenLoopOptions {
  readonly url: URL;
  readonly connections: number;
  readonly deadlineMs: number;
  readonly seed: number;
}

interface DueRequest {
  readonly at: number;
  readonly tier: Tier;
  readonly user: number;
  readonly tally: Tally;
}

/** How many connections are opened at once. */
const CONNECTING = 8;
const USERS = 10_000;
/** How long missing responses are awaited at the end. */
const PATIENCE_MS = 10_000;
const BODY = '{"orderId":"order-1","amount":100}';

/** Sends requests when they are due, without waiting for responses. Latency counts from the time a request was due. */
export class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #random: () => number;
  readonly #idle: Connection[] = [];
  readonly #waiting: DueRequest[] = [];
  #firstWaiting = 0;
  #outstanding = 0;
  /** Requests and responses so far. */
  #events = 0;

  constructor(options: OpenLoopOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    for (let i = 0; i < options.connections; i++) this.#idle.push(new Connection(options.url));
  }

  /** Opens every connection, a few at a time: the server is measured, not the kernel's queue of new connections. */
  async connect(): Promise<void> {
    const closed = [...this.#idle];
    const hello = `GET /ready HTTP/1.1\r\nhost: ${this.#options.url.host}\r\n\r\n`;
    const open = async (): Promise<void> => {
      for (let connection = closed.pop(); connection !== undefined; connection = closed.pop()) {
        const opening = connection;
        await new Promise((done) => opening.send(hello, done));
      }
    };
    await Promise.all(Array.from({ length: CONNECTING }, open));
  }

  async run(phases: readonly Phase[]): Promise<LoadReport[]> {
    const tallies: Tally[] = [];
    let next = performance.now();
    for (const phase of phases) {
      const tally = new Tally(phase, this.#options.deadlineMs);
      tallies.push(tally);
      const end = next + phase.seconds * 1000;
      let idleMs = 0;
      let now = performance.now();
      while (next < end) {
        const events = this.#events;
        for (; next <= now && next < end; next += this.#gapMs(phase.rate)) this.#arrive(next, tally);
        this.#sendWaiting();
        // It never sleeps: waking a client on the same machine costs a server as much as a rejection, and nothing over a network.
        await new Promise(setImmediate);
        const then = performance.now();
        if (events === this.#events) idleMs += then - now;
        now = then;
      }
      tally.generatorBusy = 1 - idleMs / (phase.seconds * 1000);
      next = end;
    }
    const giveUp = performance.now() + PATIENCE_MS;
    while (this.#outstanding > 0 && performance.now() < giveUp) {
      this.#sendWaiting();
      await new Promise(setImmediate);
    }
    return tallies.map((tally) => tally.report());
  }

  #gapMs(ratePerSecond: number): number {
    return (-Math.log(1 - this.#random()) * 1000) / ratePerSecond;
  }

  #arrive(at: number, tally: Tally): void {
    this.#events++;
    const tier = tierOf(this.#random());
    tally.offered(tier);
    this.#waiting.push({ at, tier, user: Math.floor(this.#random() * USERS), tally });
  }

  /** Oldest first. A request that has waited for a connection until its deadline is given up, as its caller would do. */
  #sendWaiting(): void {
    const expired = performance.now() - this.#options.deadlineMs;
    while (this.#firstWaiting < this.#waiting.length) {
      const request = this.#waiting[this.#firstWaiting] as DueRequest;
      if (request.at >= expired) {
        const connection = this.#idle.pop();
        if (connection === undefined) break;
        this.#send(connection, request);
      } else {
        request.tally.unsent();
      }
      this.#firstWaiting++;
    }
    if (this.#firstWaiting > 10_000) {
      this.#waiting.splice(0, this.#firstWaiting);
      this.#firstWaiting = 0;
    }
  }

  #send(connection: Connection, { at, tier, user, tally }: DueRequest): void {
    const { url, deadlineMs } = this.#options;
    const leftMs = Math.max(1, Math.floor(at + deadlineMs - performance.now()));
    this.#outstanding++;
    connection.send(
      `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: keep-alive\r\ncontent-type: application/json\r\n` +
        `x-user-id: user-${user}\r\nx-request-timeout-ms: ${leftMs}\r\nx-tier: ${tier}\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
      (status) => {
        this.#events++;
        this.#outstanding--;
        this.#idle.push(connection);
        tally.responded(tier, status, performance.now() - at);
      },
    );
  }
}

function tierOf(draw: number): Tier {
  if (draw < TIER_SHARES.gold) return 'gold';
  return draw < TIER_SHARES.gold + TIER_SHARES.silver ? 'silver' : 'bronze';
}
