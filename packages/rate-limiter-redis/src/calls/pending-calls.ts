import { type CallContext, type Clock, RejectedError, type RejectionCode } from '@bp/core';
import { watchContext } from '@bp/core/kit';

/** A call that waits for the store. It is settled once; a call that is settled already takes no tokens. */
export interface PendingCall {
  readonly units: number;
  readonly settled: boolean;
  /** Admits the call, or rejects it. */
  settle(rejection: RejectedError | undefined): void;
}

class WatchedCall implements PendingCall {
  readonly units: number;
  settled = false;
  readonly #onSettled: (call: WatchedCall, rejection: RejectedError | undefined) => void;
  unwatch: (() => void) | undefined;

  constructor(units: number, onSettled: (call: WatchedCall, rejection: RejectedError | undefined) => void) {
    this.units = units;
    this.#onSettled = onSettled;
  }

  settle(rejection: RejectedError | undefined): void {
    if (this.settled) return;
    this.settled = true;
    this.unwatch?.();
    this.#onSettled(this, rejection);
  }
}

/** All calls of a limiter that wait for the store. */
export class PendingCalls {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #onIdle: () => void;
  readonly #calls = new Set<WatchedCall>();

  /** @param onIdle - called when the last call has been settled. */
  constructor(clock: Clock, name: string, onIdle: () => void) {
    this.#clock = clock;
    this.#name = name;
    this.#onIdle = onIdle;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Gives `ask` a pending call; resolves to its rejection, or to undefined if it is admitted. Ends with `ctx`. */
  wait(
    units: number,
    ctx: CallContext,
    ask: (call: PendingCall) => void,
  ): Promise<RejectedError | undefined> {
    return new Promise((resolve) => {
      const call = new WatchedCall(units, (settled, rejection) => {
        this.#calls.delete(settled);
        resolve(rejection);
        if (this.#calls.size === 0) this.#onIdle();
      });
      this.#calls.add(call);
      call.unwatch = watchContext(ctx, this.#clock, this.#name, (rejection) => call.settle(rejection));
      if (!call.settled) ask(call);
    });
  }

  /** Rejects every waiting call with `code`. */
  rejectAll(code: RejectionCode): void {
    for (const call of [...this.#calls]) call.settle(new RejectedError(code, this.#name));
  }
}
