import type { AdmissionOptions, Clock } from '@bp/core';
import { LoopLoad, type RequestCounts } from '../loop-load.ts';
import { PriorityRanks } from '../priority-ranks.ts';
import { ReturnSpread } from '../return-spread.ts';
import { TurnQueue } from '../turn-queue.ts';
import type { LoadSource, ResolvedLoadOptions, ResolvedRouteLoadOptions } from './load-options.ts';

const LEAST_RETRY_MS = 1;

/** What sources are asked with: one object for all requests, filled in anew for each. */
type Question = { -readonly [K in 'priority' | 'deadline']: AdmissionOptions[K] };

/**
 * Refuses when the server is busy, the least important first. Busy is a wait, expected at one of the sources or for a
 * turn of the loop, that reaches `maxWaitMs`, or an event loop that is late.
 */
export class LoadGate {
  readonly #headroom: number;
  readonly #loop: LoopLoad | undefined;
  readonly #turns: TurnQueue | undefined;
  readonly #ranks = new PriorityRanks();
  readonly #spread: ReturnSpread;
  readonly #question: Question = { priority: undefined, deadline: undefined };

  constructor(clock: Clock, options: ResolvedLoadOptions, counts: RequestCounts) {
    const { headroom, eventLoop, maxWaitMs, pace } = options;
    this.#headroom = headroom;
    this.#loop = eventLoop && new LoopLoad(clock, eventLoop, maxWaitMs, counts);
    this.#turns = pace ? new TurnQueue(clock) : undefined;
    this.#spread = new ReturnSpread(options.maxSpreadMs);
  }

  /** The event loop, if it is watched. */
  get loop(): LoopLoad | undefined {
    return this.#loop;
  }

  /** Handlers that wait for their turn of the loop. */
  get waiting(): number {
    return this.#turns?.waiting ?? 0;
  }

  /** Milliseconds over which those who are refused now should return, beyond the time they are refused for. */
  get spreadMs(): number {
    return this.#spread.spreadMs();
  }

  start(): void {
    this.#loop?.start();
  }

  stop(): void {
    this.#loop?.stop();
  }

  /** The longest wait, in milliseconds, that a request of this route faces. */
  waitMs(route: ResolvedRouteLoadOptions): number {
    let longest = this.#turns?.estimatedWaitMs() ?? 0;
    for (const source of route.sources) longest = Math.max(longest, source.estimatedWaitMs());
    return longest;
  }

  /** Load as a share of what the least important may meet: from 1 on they are refused. */
  pressure(route: ResolvedRouteLoadOptions, now: number): number {
    return Math.max(this.waitMs(route) / route.maxWaitMs, this.#loop?.pressure(now) ?? 0);
  }

  /** Undefined to admit, else milliseconds (> 0) after which the request would be admitted. */
  refusal(
    route: ResolvedRouteLoadOptions,
    priority: number,
    deadline: number | undefined,
    now: number,
  ): number | undefined {
    // The cube leaves most of the room to the most important: a wait that the middle fills up is everybody's.
    const allowed = 1 + this.#headroom * this.#ranks.see(priority, now) ** 3;
    this.#question.priority = priority;
    this.#question.deadline = deadline;
    const retryAfterMs =
      this.#refusalByWait(route, allowed * route.maxWaitMs) ?? this.#refusalByLoop(allowed, now);
    if (retryAfterMs === undefined) {
      this.#spread.admitted(now);
      return undefined;
    }
    this.#spread.refused(now);
    // Whoever cannot say yet how long, a pool whose first jobs still run, must not be taken to mean now.
    return Math.max(LEAST_RETRY_MS, retryAfterMs);
  }

  /** Whether the work of a request may begin at once. */
  tryEnter(): boolean {
    return this.#turns === undefined || this.#turns.tryEnter();
  }

  /** Calls `start`, which begins the work of a request, when it is its turn. */
  enter(start: () => void): void {
    this.#turns?.enter(start);
  }

  #refusalByWait({ sources }: ResolvedRouteLoadOptions, allowedMs: number): number | undefined {
    for (const source of sources) {
      const retryAfterMs = refusalBySource(source, allowedMs, this.#question);
      if (retryAfterMs !== undefined) return retryAfterMs;
    }
    const waitMs = this.#turns?.estimatedWaitMs() ?? 0;
    if (waitMs < allowedMs && this.#turns?.isFull !== true) return undefined;
    return Math.max(0, waitMs - allowedMs);
  }

  #refusalByLoop(allowed: number, now: number): number | undefined {
    if (this.#loop === undefined || this.#loop.pressure(now) < allowed) return undefined;
    return this.#loop.refuse(now);
  }
}

function refusalBySource(source: LoadSource, allowedMs: number, question: Question): number | undefined {
  const waitMs = source.estimatedWaitMs(question);
  const hasRoom = source.check === undefined || source.check(question);
  if (hasRoom && waitMs < allowedMs) return undefined;
  return source.retryAfterMs?.(question) ?? Math.max(0, waitMs - allowedMs);
}
