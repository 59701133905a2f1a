import { type CallContext, type Clock, isRejected, type Unsubscribe } from '@bp/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answers, answerTo } from './answers.ts';
import { type Arrival, arrive } from './arrival.ts';
import { LoadGate } from './gates/load.ts';
import { ShutdownGate } from './gates/shutdown.ts';
import { rejectionForDeadline, rejectionForLoad } from './judgement.ts';
import type { ResolvedBackpressureOptions } from './options.ts';
import { Overload, type OverloadChange } from './overload.ts';
import { Replies } from './reply.ts';
import { Requests } from './requests.ts';
import { type RouteConfig, type RouteSettings, Routes } from './routes.ts';
import type { BackpressureStats } from './stats.ts';

type Done = (error?: Error) => void;

/** Where a request that was admitted keeps the settings of its route, so that they are looked up once. */
export const routeSettings = Symbol('@bp/fastify/route-settings');

type Admitted = FastifyRequest & { [routeSettings]: RouteSettings };

/** The gates in the order they stand, and what becomes of a request at each of them. */
export class Edge {
  readonly #options: ResolvedBackpressureOptions;
  readonly #clock: Clock;
  readonly #requests: Requests;
  readonly #routes: Routes;
  readonly #replies: Replies;
  readonly #shutdown = new ShutdownGate();
  readonly #load: LoadGate | undefined;
  readonly #overload: Overload;

  constructor(options: ResolvedBackpressureOptions) {
    const { clock, load } = options;
    this.#options = options;
    this.#clock = clock;
    this.#requests = new Requests(clock);
    this.#routes = new Routes(options);
    this.#replies = new Replies(options);
    this.#load = load === undefined ? undefined : new LoadGate(clock, load, this.#requests);
    this.#overload = new Overload(clock);
  }

  get shuttingDown(): boolean {
    return this.#shutdown.begun;
  }

  start(): void {
    this.#load?.start();
  }

  async close(): Promise<void> {
    this.#load?.stop();
    this.#overload.stop();
    await this.#routes.close();
  }

  shutDown(ctx: CallContext): void {
    this.#shutdown.begin(ctx);
  }

  onOverloadChange(listener: (change: OverloadChange) => void): Unsubscribe {
    return this.#overload.onChange(listener);
  }

  /** What stands before a route. @throws TypeError or RangeError naming the option of the route that is wrong. */
  settingsOf(config: RouteConfig): RouteSettings {
    return this.#routes.of(config);
  }

  stats(): BackpressureStats {
    const { load } = this.#options;
    const loop = this.#load?.loop;
    return {
      ...this.#requests.stats(),
      rejected: this.#replies.counts,
      waiting: this.#load?.waiting ?? 0,
      pressure: load === undefined ? 0 : (this.#load?.pressure(load, this.#clock.now()) ?? 0),
      overloaded: this.#overload.isOn,
      eventLoopLagMs: loop?.lagMs ?? 0,
      eventLoopUtilization: loop?.utilization ?? 0,
      shuttingDown: this.#shutdown.begun,
    };
  }

  /** Before anything but the headers is read. */
  readonly onRequest = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    const settings = this.settingsOf(request.routeOptions.config);
    const arrival = arrive(request, reply, settings, this.#options);
    if (settings.exempt) this.#admit(arrival, done);
    else if (!this.#rejectForShutdown(arrival) && !this.#rejectForDeadline(arrival)) {
      this.#askForRate(arrival, done);
    }
  };

  /** When the body has been read and checked, and work is about to begin. */
  readonly preHandler = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    const settings = (request as Admitted)[routeSettings];
    const load = this.#load;
    if (settings.exempt) done();
    else if (load === undefined || settings.load === undefined || load.tryEnter(settings.load))
      this.#begin(request, reply, done);
    else load.enter(() => this.#begin(request, reply, done));
  };

  /** Answers a rejection that a handler threw; false if `error` is none. */
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): boolean {
    if (!isRejected(error)) return false;
    const { rejectedBy: policy } = error;
    const answer = answerTo(error);
    // Nobody but this server knows when it will be gone.
    const retryAfterMs =
      error.retryAfterMs ?? (answer === answers.shuttingDown ? this.#goneInMs() : undefined);
    // What was rejected before it was begun is no use of a share, whether a gate said so or the handler.
    if (answer === answers.overloaded && !error.workBegan) this.#giveBack(request);
    const spreadMs = answer.status === 503 ? this.#spreadMs : 0;
    this.#replies.send(request, reply, { reason: 'handler', answer, retryAfterMs, spreadMs, policy });
    return true;
  }

  #goneInMs(): number | undefined {
    return this.#shutdown.retryAfterMs(this.#clock.now());
  }

  #giveBack(request: FastifyRequest): void {
    const { [routeSettings]: settings } = request as Partial<Admitted>;
    const tier = this.#options.tierOf?.(request);
    const { key } = request.backpressure;
    if (key !== undefined)
      settings?.rateLimit?.refund(key, { tier, cost: settings.cost, now: this.#clock.now() });
  }

  get #spreadMs(): number {
    return this.#load?.spreadMs ?? 0;
  }

  #rejectForShutdown({ request, reply, now }: Arrival): boolean {
    if (!this.#shutdown.begun) return false;
    const retryAfterMs = this.#shutdown.retryAfterMs(now);
    const rejection = { reason: 'shutdown', answer: answers.shuttingDown, retryAfterMs } as const;
    this.#replies.sendEarly(request, reply, rejection, true);
    return true;
  }

  #rejectForDeadline(arrival: Arrival): boolean {
    const rejection = rejectionForDeadline(arrival, this.#load);
    if (rejection === undefined) return false;
    if (rejection.answer === answers.overloaded) this.#overload.rejected(arrival.now);
    this.#replies.sendEarly(arrival.request, arrival.reply, rejection);
    return true;
  }

  #askForRate(arrival: Arrival, done: Done): void {
    const { settings, key } = arrival;
    const decision = key === undefined ? undefined : settings.rateLimit?.decide(key, arrival);
    if (!(decision instanceof Promise)) {
      this.#afterRate(arrival, decision, done);
      return;
    }
    decision
      .then((retryAfterMs) => {
        if (arrival.reply.raw.destroyed) return;
        this.#afterRate({ ...arrival, now: this.#clock.now() }, retryAfterMs, done);
      })
      .catch(done);
  }

  #afterRate(arrival: Arrival, retryAfterMs: number | undefined, done: Done): void {
    const { request, reply, settings, tier } = arrival;
    if (retryAfterMs === undefined) {
      if (!this.#rejectForLoad(arrival)) this.#admit(arrival, done);
      return;
    }
    const policy = settings.rateLimit?.policyOf(tier) ?? 'rate_limit';
    const rejection = { reason: 'rate_limit', answer: answers.rateLimited, retryAfterMs, policy } as const;
    this.#replies.sendEarly(request, reply, rejection);
  }

  #rejectForLoad(arrival: Arrival): boolean {
    const { request, reply, settings, priority, key, now } = arrival;
    const rejection = rejectionForLoad(arrival, this.#load);
    if (rejection === undefined) {
      if (settings.load !== undefined) this.#load?.admitted(priority, now);
      return false;
    }
    if (key !== undefined) settings.rateLimit?.refund(key, arrival);
    this.#overload.rejected(now);
    this.#replies.sendEarly(request, reply, rejection);
    return true;
  }

  #admit(arrival: Arrival, done: Done): void {
    const { request, reply, settings } = arrival;
    (request as Admitted)[routeSettings] = settings;
    request.backpressure = this.#requests.begin(reply.raw, arrival);
    done();
  }

  /** The time may have run out, and the client may have left, while the body was read or the handler waited. */
  #begin(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const over = request.backpressure.doneReason;
    if (over === undefined) {
      done();
    } else if (over.kind === 'deadline') {
      const rejection = {
        reason: 'deadline',
        answer: answers.deadlineExceeded,
        retryAfterMs: undefined,
      } as const;
      this.#replies.send(request, reply, rejection);
    }
  }
}
