import type { CallContext, DerivedContext, RejectedError } from '@bp/core';

/** How a wait ends: with the permits for the call, or with its rejection. */
export type TurnOutcome = QueuedCall | RejectedError;

/** A call that waits for its permits. */
export class QueuedCall {
  readonly cost: number;
  readonly ctx: CallContext;
  /** Ends the wait. Called once. */
  readonly settle: (outcome: TurnOutcome) => void;
  /** When it began to wait, if that was measured. */
  readonly since: number | undefined;
  /** When `maxWaitMs` has passed, and the context that ends then. */
  readonly startBy: number | undefined;
  readonly bounded: DerivedContext | undefined;

  constructor(
    cost: number,
    ctx: CallContext,
    settle: (outcome: TurnOutcome) => void,
    since: number | undefined,
    startBy?: number,
    bounded?: DerivedContext,
  ) {
    this.cost = cost;
    this.ctx = ctx;
    this.settle = settle;
    this.since = since;
    this.startBy = startBy;
    this.bounded = bounded;
  }
}
