import type { ServerResponse } from 'node:http';
import { RequestContext, type RequestContextOptions } from '@bp/context';
import type { Clock } from '@bp/core';
import type { RequestCounts } from './loop-load.ts';
import type { BackpressureStats } from './stats.ts';

/** What has become of all requests so far, and a context for each that is under way. */
export class Requests implements RequestCounts {
  readonly #clock: Clock;
  #active = 0;
  #admitted = 0;
  #disconnected = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get active(): number {
    return this.#active;
  }

  get completed(): number {
    return this.#admitted - this.#active;
  }

  stats(): Pick<BackpressureStats, 'active' | 'admitted' | 'disconnected'> {
    return { active: this.#active, admitted: this.#admitted, disconnected: this.#disconnected };
  }

  /** The context of a request that was admitted; it is cancelled when the client leaves and ends with the response. */
  begin(
    response: ServerResponse,
    { deadline, priority, key }: Pick<RequestContextOptions, 'deadline' | 'priority' | 'key'>,
  ): RequestContext {
    const context = new RequestContext({ deadline, priority, key, clock: this.#clock });
    this.#admitted++;
    this.#active++;
    // Of the response, not of the request: that one closes as soon as its body has been read.
    response.on('close', () => {
      this.#active--;
      if (!response.writableEnded) {
        this.#disconnected++;
        context.cancel('caller-gone');
      }
      context.end();
    });
    return context;
  }
}
