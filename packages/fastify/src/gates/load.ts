import type { CallContext, Clock } from '@bp/core';
import { LoopLoad, type RequestCounts } from '../loop-load.ts';
import { PriorityRanks } from '../priority-ranks.ts';
import { ReturnSpread } from '../return-spread.ts';
import { TurnQueue } from '../turn-queue.ts';
import type { LoadSource, ResolvedLoadOptions, ResolvedRouteLoadOptions } from './load-options.ts';

const LEAST_RETRY_MS = 1;
/** Of what is served, so much is always taken to be left for the least important. */
const LEAST_SHARE = 0.01;

/** Who asks, as far as sources may care. */
export type Asker = Pick<CallContext, 'priority' | 'deadline' | 'key'>;

/** What sources are asked with: one object for all requests, filled in anew for each. */
type Question = { -readonly [K in keyof Asker]: Asker[K] };

/**
 * Rejects when the server is busy, the least important first. Busy is a wait, expected at one of the sources or for a
 * turn of the loop, that reaches `maxWaitMs`, or an event loop that is late.
 */
export class LoadGate {
  readonly #headroom: number;
  readonly #loop: LoopLoad | undefined;
  readonly #pace: boolean | undefined;
  readonly #turns: TurnQueue;
  readonly #arrived = new PriorityRanks();
  readonly #admitted = new PriorityRanks();
  readonly #spread: ReturnSpread;
  readonly #question: Question = { priority: undefined, deadline: undefined, key: undefined };

  constructor(clock: Clock, options: ResolvedLoadOptions, counts: RequestCounts) {
    const { headroom, eventLoop, maxWaitMs, pace } = options;
    this.#headroom = headroom;
    this.#loop = eventLoop && new LoopLoad(clock, eventLoop, maxWaitMs, counts);
    this.#pace = pace;
    this.#turns = new TurnQueue(clock);
    this.#spread = new ReturnSpread(options.maxSpreadMs);
  }

  /** The event loop, if it is watched. */
  get loop(): LoopLoad | undefined {
    return this.#loop;
  }

  /** Handlers that wait for their turn of the loop. */
  get waiting(): number {
    return this.#turns.waiting;
  }

  /** Milliseconds over which those who are rejected now should return, beyond the time they are rejected for. */
  get spreadMs(): number {
    return this.#spread.spreadMs();
  }

  start(): void {
    this.#loop?.start();
  }

  stop(): void {
    this.#loop?.stop();
  }

  /** The longest wait, in milliseconds, that a request of this route faces, if it may take that long. */
  waitMs(route: ResolvedRouteLoadOptions, { priority, key }: Asker = {}): number {
    this.#ask(priority, undefined, key);
    let longest = this.#paces(route) ? this.#turns.estimatedWaitMs() : 0;
    for (const source of route.sources) longest = Math.max(longest, source.estimatedWaitMs(this.#question) ?? 0);
    return longest;
  }

  /** Load as a share of what the least important may meet: from 1 on they are rejected. */
  pressure(route: ResolvedRouteLoadOptions, now: number): number {
    return Math.max(this.waitMs(route) / route.maxWaitMs, this.#loop?.pressure(now) ?? 0);
  }

  /** Undefined to admit, else milliseconds (> 0) after which the request would be admitted. Counts nothing. */
  rejection(
    route: ResolvedRouteLoadOptions,
    { priority = 0, deadline, key }: Asker,
    now: number,
  ): number | undefined {
    // The cube leaves most of the room to the most important: a wait that the middle fills up is everybody's.
    const allowed = 1 + this.#headroom * this.#arrived.below(priority, now) ** 3;
    this.#ask(priority, deadline, key);
    // Without headroom all are treated alike.
    const alike = this.#headroom === 0;
    const overtaken = alike ? 0 : this.#admitted.above(priority, now);
    const lessImportant = alike ? 0 : this.#admitted.below(priority, now);
    const retryAfterMs =
      this.#rejectionByWait(route, allowed * route.maxWaitMs, 1 - overtaken) ??
      this.#rejectionByLoop(allowed, 1 - lessImportant, now);
    // Whoever cannot say yet how long, a pool whose first jobs still run, must not be taken to mean now.
    return retryAfterMs === undefined ? undefined : Math.max(LEAST_RETRY_MS, retryAfterMs);
  }

  /** A request of this priority was admitted. */
  admitted(priority: number, now: number): void {
    this.#arrived.count(priority, now);
    this.#admitted.count(priority, now);
    this.#spread.admitted(now);
  }

  /** A request of this priority was rejected for load. */
  rejected(priority: number, now: number): void {
    this.#arrived.count(priority, now);
    this.#spread.rejected(now);
  }

  /** Whether the work of a request of this route may begin at once. */
  tryEnter(route: ResolvedRouteLoadOptions): boolean {
    return !this.#paces(route) || this.#turns.tryEnter();
  }

  /** Calls `start`, which begins the work of a request, when it is its turn. */
  enter(start: () => void): void {
    this.#turns.enter(start);
  }

  #ask(priority: number | undefined, deadline: number | undefined, key: string | undefined): void {
    this.#question.priority = priority;
    this.#question.deadline = deadline;
    this.#question.key = key;
  }

  /** @param share - of what is served, as much as is left for such a request and those below it. */
  #rejectionByWait(route: ResolvedRouteLoadOptions, allowedMs: number, share: number): number | undefined {
    for (const source of route.sources) {
      const retryAfterMs = rejectionBySource(source, allowedMs, share, this.#question);
      if (retryAfterMs !== undefined) return retryAfterMs;
    }
    if (!this.#paces(route)) return undefined;
    const waitMs = this.#turns.estimatedWaitMs();
    if (waitMs < allowedMs && !this.#turns.isFull) return undefined;
    return Math.max(0, waitMs - allowedMs);
  }

  #paces({ sources }: ResolvedRouteLoadOptions): boolean {
    return this.#pace ?? sources.length === 0;
  }

  /** @param share - of those admitted, as many as are not less important. */
  #rejectionByLoop(allowed: number, share: number, now: number): number | undefined {
    if (this.#loop === undefined || this.#loop.pressure(now, Math.max(LEAST_SHARE, share)) < allowed)
      return undefined;
    return this.#loop.reject(now);
  }
}

function rejectionBySource(
  source: LoadSource,
  allowedMs: number,
  share: number,
  question: Question,
): number | undefined {
  // What is more important overtakes it as it waits, so its line moves only as fast as the rest is served (Cobham, 1954).
  const waitMs = (source.estimatedWaitMs(question) ?? 0) / Math.max(LEAST_SHARE, share);
  const hasRoom = [undefined, true].includes(source.check?.(question) as boolean | undefined);
  if (hasRoom && waitMs < allowedMs) return undefined;
  return source.retryAfterMs?.(question) ?? Math.max(0, waitMs - allowedMs);
}
