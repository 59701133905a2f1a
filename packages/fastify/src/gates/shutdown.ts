import type { CallContext } from '@bp/core';

/** Whether the server is leaving, and when it will be gone. */
export class ShutdownGate {
  #begun = false;
  #deadline: number | undefined;

  get begun(): boolean {
    return this.#begun;
  }

  /** Begins once; the first deadline stands. */
  begin({ deadline }: CallContext): void {
    this.#begun = true;
    this.#deadline ??= deadline;
  }

  /** Milliseconds until the server is gone and whatever takes its place answers; undefined if nobody said. */
  retryAfterMs(now: number): number | undefined {
    return this.#deadline === undefined ? undefined : Math.max(0, this.#deadline - now);
  }
}
