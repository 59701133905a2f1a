import type { Server } from 'node:http';
import type { Clock } from '@bp/core';
import type { RouteOptions } from 'fastify';
import { prefersProblem } from '../accept.ts';
import { answers } from '../answers.ts';
import { claim } from '../arrival.ts';
import type { LoadGate } from '../gates/load.ts';
import type { ShutdownGate } from '../gates/shutdown.ts';
import { rejectionForDeadline, rejectionForLoad } from '../judgement.ts';
import type { ResolvedBackpressureOptions } from '../options.ts';
import { type Overload, QUIET_MS } from '../overload.ts';
import type { Replies } from '../reply.ts';
import type { RouteSettings } from '../routes.ts';
import type { Keeper } from './guard.ts';
import type { RequestHead } from './request-head.ts';

/** The parts of the edge that a keeper works with. */
export interface Inside {
  readonly load: LoadGate;
  readonly overload: Overload;
  readonly shutdown: ShutdownGate;
  readonly replies: Replies;
}

/** Rejects at the door whoever would come too late or be one too many inside, on routes whose URL is all there is to know of them. */
export class Doorkeeper implements Keeper {
  readonly #options: ResolvedBackpressureOptions;
  readonly #clock: Clock;
  readonly #inside: Inside;
  readonly #routes = new Map<string, RouteSettings | undefined>();
  #server: Server | undefined;
  #rejected = 0;
  #lastRejection = Number.NEGATIVE_INFINITY;

  constructor(options: ResolvedBackpressureOptions, inside: Inside) {
    this.#options = options;
    this.#clock = options.clock;
    this.#inside = inside;
  }

  /** Speaks for `server` from now on. */
  start(server: Server): void {
    this.#server = server;
  }

  /** Requests rejected so far. */
  get rejected(): number {
    return this.#rejected;
  }

  get isNeeded(): boolean {
    const { overload, shutdown } = this.#inside;
    // Those who only come too late do not make an overload, but to reject them inside might.
    return !shutdown.begun && (overload.isOn || this.#clock.now() - this.#lastRejection < QUIET_MS);
  }

  /** A route with parameters, wildcards or constraints is not known by its URL: its requests are judged inside. */
  add({ method, url, constraints }: RouteOptions, settings: RouteSettings): void {
    if (/[:*]/.test(url)) return;
    const isPlain = Object.keys(constraints ?? {}).length === 0;
    for (const name of [method].flat()) {
      const request = `${name} ${url}`;
      // Undefined stays: where one of two routes has constraints, the URL alone does not tell which it is.
      this.#routes.set(request, isPlain && !this.#isAmbiguous(request) ? settings : undefined);
    }
  }

  #isAmbiguous(request: string): boolean {
    return this.#routes.has(request) && this.#routes.get(request) === undefined;
  }

  answer({ method, path, headers, remoteAddress }: RequestHead): string | undefined {
    const settings = this.#routes.get(`${method} ${path}`);
    if (settings?.load === undefined || prefersProblem(headers.accept)) return undefined;
    const now = this.#clock.now();
    const tier = this.#options.load?.door?.tierOf?.({ method, path, headers, remoteAddress });
    const asked = { settings, now, ...claim(headers, tier, settings, this.#options, now) };
    const { load, overload, replies } = this.#inside;
    const rejection = rejectionForDeadline(asked, load) ?? rejectionForLoad(asked, load);
    if (rejection === undefined) return undefined;
    if (rejection.answer === answers.overloaded) overload.rejected(now);
    this.#rejected++;
    this.#lastRejection = now;
    return replies.onWire(rejection, this.#server?.keepAliveTimeout ?? 0);
  }
}
