import { type CallContext, type Clock, RejectedError } from '@bp/core';
import { EMPTY_CONTEXT, MAX_ESTIMATE_MS } from '@bp/core/kit';
import type { ResolvedLoadOptions, ResolvedRouteLoadOptions } from './load-options.ts';
import type { CheckedSource } from './load-source.ts';
import { LoopLoad, type RequestCounts } from './loop-load.ts';
import { PriorityRanks } from './priority-ranks.ts';
import { ReturnSpread } from './return-spread.ts';
import { TurnQueue } from './turn-queue.ts';

/** The share of the throughput that always counts as left for the least important requests. */
const LEAST_SHARE = 0.01;

/** An estimated wait and the source it is for. */
export interface LoadWait {
  readonly waitMs: number;
  readonly name: string;
}

/** A request that meets exactly the limit waits for any progress: 0 would mean that it may return now. */
const LEAST_WAIT_MS = 1;

const LOOP = 'event-loop';
const NO_WAIT: LoadWait = { waitMs: 0, name: LOOP };

/**
 * Rejects requests while the server is busy, the least important first. It is busy when a source rejects, when the estimated wait
 * at a source or for a turn of the event loop reaches `maxWaitMs`, or when the event loop is late.
 */
export class LoadGate {
  readonly #headroom: number;
  readonly #loop: LoopLoad | undefined;
  readonly #loopBudget: boolean | undefined;
  readonly #turns: TurnQueue;
  readonly #offered = new PriorityRanks();
  readonly #admitted = new PriorityRanks();
  readonly #spread: ReturnSpread;

  constructor(clock: Clock, options: ResolvedLoadOptions, counts: RequestCounts) {
    const { headroom, eventLoop, maxWaitMs, loopBudget, maxSpreadMs } = options;
    this.#headroom = headroom;
    this.#loop = eventLoop && new LoopLoad(clock, eventLoop, maxWaitMs, counts);
    this.#loopBudget = loopBudget;
    this.#turns = new TurnQueue(clock);
    this.#spread = new ReturnSpread(maxSpreadMs);
  }

  /** The watched event loop. */
  get loop(): LoopLoad | undefined {
    return this.#loop;
  }

  /** How many handlers wait for a turn of the event loop. */
  get queued(): number {
    return this.#turns.size;
  }

  /** Milliseconds over which clients that are shed now should return, beyond their `retryAfterMs`. */
  get spreadMs(): number {
    return this.#spread.spreadMs();
  }

  start(): void {
    this.#loop?.start();
  }

  stop(): void {
    this.#loop?.stop();
  }

  /** The longest known wait that a request of this route faces. */
  longestWait(route: ResolvedRouteLoadOptions, ctx: CallContext): LoadWait {
    let longest = this.#queuesTurns(route) ? { waitMs: this.#turns.estimatedWaitMs(), name: LOOP } : NO_WAIT;
    for (const source of route.sources) {
      const waitMs = source.estimatedWaitMs(ctx) ?? 0;
      if (waitMs > longest.waitMs) longest = { waitMs, name: source.name };
    }
    return longest;
  }

  /** Load as a share of the limit of the least important requests: from 1 on they are rejected. */
  pressure(route: ResolvedRouteLoadOptions, now: number): number {
    let pressure = this.#loop?.pressure(now) ?? 0;
    if (this.#queuesTurns(route)) {
      pressure = Math.max(pressure, this.#turns.estimatedWaitMs() / route.maxWaitMs);
    }
    for (const source of route.sources) {
      const waitMs = limitsSource(route, source) ? (source.estimatedWaitMs(EMPTY_CONTEXT) ?? 0) : 0;
      const rejects = source.check(EMPTY_CONTEXT) === undefined ? 0 : 1;
      pressure = Math.max(pressure, Math.min(MAX_ESTIMATE_MS, waitMs) / route.maxWaitMs, rejects);
    }
    return pressure;
  }

  /** The rejection of a request that is read at `now`, undefined to admit it. Counts nothing. */
  check(route: ResolvedRouteLoadOptions, ctx: CallContext, now: number): RejectedError | undefined {
    const { priority = 0 } = ctx;
    // The cube leaves most of the headroom to the most important requests.
    const allowed = 1 + this.#headroom * this.#offered.below(priority, now) ** 3;
    // Without headroom all requests are treated alike.
    const alike = this.#headroom === 0;
    const overtaking = alike ? 0 : this.#admitted.above(priority, now);
    const lessImportant = alike ? 0 : this.#admitted.below(priority, now);
    return (
      this.#checkSources(route, ctx, allowed, 1 - overtaking) ??
      this.#checkTurns(route, allowed * route.maxWaitMs) ??
      this.#checkLoop(allowed, 1 - lessImportant, now)
    );
  }

  /** Counts an admitted request. */
  countAdmitted(priority: number, now: number): void {
    this.#offered.count(priority, now);
    this.#admitted.count(priority, now);
    this.#spread.admitted(now);
  }

  /** Counts a request that was rejected for load. */
  countRejected(priority: number, now: number): void {
    this.#offered.count(priority, now);
    this.#spread.rejected(now);
  }

  /** Whether the handler of a request of this route may start at once. */
  tryStart(route: ResolvedRouteLoadOptions): boolean {
    return !this.#queuesTurns(route) || this.#turns.tryStart();
  }

  /** Calls `start`, which starts a handler, when the loop budget allows it. */
  enqueue(start: () => void): void {
    this.#turns.enqueue(start);
  }

  #queuesTurns({ sources }: ResolvedRouteLoadOptions): boolean {
    return this.#loopBudget ?? sources.length === 0;
  }

  /** @param share - the share of the throughput that is left for such a request and less important ones. */
  #checkSources(
    route: ResolvedRouteLoadOptions,
    ctx: CallContext,
    allowed: number,
    share: number,
  ): RejectedError | undefined {
    for (const source of route.sources) {
      const rejection = source.check(ctx);
      if (rejection !== undefined) return rejection;
      if (!limitsSource(route, source)) continue;
      // More important requests overtake it while it waits, so it advances only with the rest of the throughput (Cobham, 1954).
      const waitMs = (source.estimatedWaitMs(ctx) ?? 0) / Math.max(LEAST_SHARE, share);
      const excessMs = waitMs - allowed * route.maxWaitMs;
      if (excessMs >= 0) {
        return new RejectedError('SHED', source.name, { retryAfterMs: Math.max(LEAST_WAIT_MS, excessMs) });
      }
    }
    return undefined;
  }

  #checkTurns(route: ResolvedRouteLoadOptions, allowedMs: number): RejectedError | undefined {
    if (!this.#queuesTurns(route)) return undefined;
    const excessMs = this.#turns.estimatedWaitMs() - allowedMs;
    if (excessMs < 0 && !this.#turns.isFull) return undefined;
    const retryAfterMs = excessMs < 0 ? undefined : Math.max(LEAST_WAIT_MS, excessMs);
    return new RejectedError('SHED', LOOP, { retryAfterMs });
  }

  /** @param share - the share of the active requests that are not less important. */
  #checkLoop(allowed: number, share: number, now: number): RejectedError | undefined {
    const loop = this.#loop;
    if (loop === undefined || loop.pressure(now, Math.max(LEAST_SHARE, share)) < allowed) return undefined;
    return new RejectedError('SHED', LOOP, { retryAfterMs: loop.reject(now) });
  }
}

/** Whether `maxWaitMs` applies to `source`. */
function limitsSource(route: ResolvedRouteLoadOptions, source: CheckedSource): boolean {
  return route.limitsEverySource || !source.boundsItself;
}
