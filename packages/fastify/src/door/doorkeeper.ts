import type { Clock } from '@bp/core';
import type { RouteOptions } from 'fastify';
import { prefersProblem } from '../accept.ts';
import { claim } from '../arrival.ts';
import type { LoadGate } from '../gates/load.ts';
import type { ResolvedBackpressureOptions } from '../options.ts';
import type { RouteSettings } from '../routes.ts';
import type { Keeper } from './guard.ts';
import type { RequestHead } from './request-head.ts';

/** What the keeper needs to know of the rest of the edge. */
export interface Inside {
  /** Whether requests are being refused for load, and for nothing else. */
  readonly refusesForLoad: boolean;
  /** Counts a refusal and returns the answer as it goes on the wire. */
  refuse(retryAfterMs: number, now: number): string;
}

/** Refuses at the door whoever the load gate would refuse, on routes whose URL is all there is to know of them. */
export class Doorkeeper implements Keeper {
  readonly maxUnreadBodyBytes: number;
  readonly #options: ResolvedBackpressureOptions;
  readonly #clock: Clock;
  readonly #load: LoadGate;
  readonly #inside: Inside;
  readonly #routes = new Map<string, RouteSettings>();

  constructor(options: ResolvedBackpressureOptions, load: LoadGate, inside: Inside) {
    this.maxUnreadBodyBytes = options.maxUnreadBodyBytes;
    this.#options = options;
    this.#clock = options.clock;
    this.#load = load;
    this.#inside = inside;
  }

  get isNeeded(): boolean {
    return this.#inside.refusesForLoad;
  }

  /** A route with parameters, wildcards or constraints is not known by its URL: its requests are judged inside. */
  add({ method, url, constraints }: RouteOptions, settings: RouteSettings): void {
    if (/[:*]/.test(url) || Object.keys(constraints ?? {}).length > 0) return;
    for (const name of [method].flat()) this.#routes.set(`${name} ${url}`, settings);
  }

  answer({ method, path, headers, remoteAddress }: RequestHead): string | undefined {
    const settings = this.#routes.get(`${method} ${path}`);
    if (settings?.load === undefined || prefersProblem(headers.accept)) return undefined;
    const now = this.#clock.now();
    const tier = this.#options.load?.door?.tierOf?.({ method, path, headers, remoteAddress });
    const { priority, deadline } = claim(headers, tier, settings, this.#options, now);
    const retryAfterMs = this.#load.refusal(settings.load, priority, deadline, now);
    if (retryAfterMs === undefined) return undefined;
    this.#load.refused(priority, now);
    return this.#inside.refuse(retryAfterMs, now);
  }
}
