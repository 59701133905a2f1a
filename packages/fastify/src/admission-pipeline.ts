import type { RejectedError } from '@bp/core';
import { rejectionFor } from '@bp/core/kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { checkDeadlineOf } from './gates/deadline-gate.ts';
import type { LoadGate } from './gates/load/load-gate.ts';
import type { OverloadMonitor } from './gates/load/overload-monitor.ts';
import type { ShutdownGate } from './gates/shutdown-gate.ts';
import type { ResolvedBackpressureOptions } from './options.ts';
import { isOverload } from './rejection/rejection-response.ts';
import type { RejectionSender } from './rejection/rejection-sender.ts';
import type { ActiveRequests } from './request/active-requests.ts';
import { type AdmissionRequest, createAdmissionRequest } from './request/admission-request.ts';
import { isClientGone } from './request/client-gone.ts';
import type { Routes } from './routes.ts';
import type { GateName } from './stats.ts';

type Done = (error?: Error) => void;

/** A request whose client is known. */
type KeyedRequest = AdmissionRequest & { readonly key: string };

/** What the gates decided: the request as they saw it, and the rejection if one rejected it. */
interface Decision {
  readonly admission: AdmissionRequest;
  readonly gate?: GateName;
  readonly rejection?: RejectedError | undefined;
}

/** The property of an admitted request that holds what the gates knew of it. */
export const admissionOf = Symbol('@bp/fastify/admission');

/** A request that was admitted. */
export type AdmittedRequest = FastifyRequest & { [admissionOf]: AdmissionRequest };

/** The parts of the {@link AdmissionPipeline}. */
export interface AdmissionPipelineParts {
  readonly options: ResolvedBackpressureOptions;
  readonly requests: ActiveRequests;
  readonly routes: Routes;
  readonly sender: RejectionSender;
  readonly shutdown: ShutdownGate;
  readonly load: LoadGate | undefined;
  readonly overload: OverloadMonitor;
}

/** The gates in their order, as hooks: shutdown, deadline, rate limit and load before the body, the loop budget before the handler. */
export class AdmissionPipeline {
  readonly #parts: AdmissionPipelineParts;

  constructor(parts: AdmissionPipelineParts) {
    this.#parts = parts;
  }

  /** Decides on a request before its body is read. */
  readonly onRequest = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    if (this.#isGone(request, reply)) return;
    const settings = this.#parts.routes.of(request.routeOptions.config);
    const decision = this.#decide(createAdmissionRequest(request, reply, settings, this.#parts.options));
    if (!(decision instanceof Promise)) {
      if (this.#conclude(decision)) done();
      return;
    }
    // An error of `done` is one of a later hook: it must not call `done` again.
    decision
      .then((later) => this.#conclude(later))
      .then((admitted) => {
        if (admitted) done();
      }, done);
  };

  /** Starts the handler when the body has been read and the loop budget allows it. */
  readonly preHandler = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    const { settings } = (request as AdmittedRequest)[admissionOf];
    const { load } = this.#parts;
    if (settings.exempt || load === undefined || settings.load === undefined)
      this.#start(request, reply, done);
    else if (load.tryStart(settings.load)) this.#start(request, reply, done);
    else load.enqueue(() => this.#start(request, reply, done));
  };

  #decide(admission: AdmissionRequest): Decision | Promise<Decision> {
    const { settings, request } = admission;
    if (settings.exempt) return { admission };
    const rejection = this.#parts.shutdown.check();
    if (rejection !== undefined) return { admission, gate: 'shutdown', rejection };
    const key = settings.keys.of(request);
    if (typeof key === 'string') return this.#decideFor({ ...admission, key });
    return key.then((later) => this.#decideFor({ ...admission, key: later, now: this.#now }));
  }

  #decideFor(admission: KeyedRequest): Decision | Promise<Decision> {
    const { settings, tokens, reply } = admission;
    const rejection = checkDeadlineOf(admission, this.#parts.load);
    if (rejection !== undefined) return { admission, gate: 'deadline', rejection };
    if (settings.rateLimit === undefined) return this.#decideByLoad(admission);
    const limited = settings.rateLimit.gate.check({ ...admission, cost: tokens }, reply);
    if (!(limited instanceof Promise)) return this.#afterRateLimit(admission, limited);
    return limited.then((later) => this.#afterRateLimit({ ...admission, now: this.#now }, later));
  }

  #afterRateLimit(admission: KeyedRequest, rejection: RejectedError | undefined): Decision {
    return rejection === undefined
      ? this.#decideByLoad(admission)
      : { admission, gate: 'rate_limit', rejection };
  }

  #decideByLoad(admission: KeyedRequest): Decision {
    const { settings, priority, now, tokens } = admission;
    const { load } = this.#parts;
    if (load === undefined || settings.load === undefined) return { admission };
    const rejection = load.check(settings.load, admission, now);
    if (rejection === undefined) return { admission };
    load.countRejected(priority, now);
    // The request took nothing from the server, so it costs its client nothing.
    settings.rateLimit?.gate.refund({ ...admission, cost: tokens });
    return { admission, gate: 'load', rejection };
  }

  /** Sends the rejection or begins the request. Returns whether it was admitted. */
  #conclude({ admission, gate, rejection }: Decision): boolean {
    const { request, reply, settings, priority, now } = admission;
    // The client may have left while an asynchronous key or limit was awaited.
    if (this.#isGone(request, reply)) return false;
    if (rejection !== undefined && gate !== undefined) {
      this.#reject(admission, gate, rejection);
      return false;
    }
    if (settings.load !== undefined) this.#parts.load?.countAdmitted(priority, now);
    (request as AdmittedRequest)[admissionOf] = admission;
    request.backpressure = this.#parts.requests.begin(request, reply, admission);
    return true;
  }

  #reject({ request, reply }: AdmissionRequest, gate: GateName, rejection: RejectedError): void {
    const isShed = gate !== 'rate_limit' && isOverload(rejection);
    if (isShed) this.#parts.overload.countRejected(rejection.rejectedBy);
    this.#parts.sender.send(request, reply, gate, rejection, {
      beforeBody: true,
      close: gate === 'shutdown',
      spreadMs: isShed ? this.#parts.load?.spreadMs : undefined,
      unknownMs: this.#parts.shutdown.unknownMs(rejection),
    });
  }

  /** Starts a handler unless its context ended while the body was read or the handler waited. */
  #start(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const { doneReason } = request.backpressure;
    const { exempt } = (request as AdmittedRequest)[admissionOf].settings;
    // A client that has left needs no response; it was counted when its connection closed.
    if (isClientGone(request, reply)) return;
    if (doneReason === undefined || (exempt && doneReason.kind === 'deadline')) {
      done();
      return;
    }
    const rejection = rejectionFor(doneReason, 'request-context');
    const gate = rejection.code === 'DEADLINE_EXCEEDED' ? 'deadline' : 'cancelled';
    this.#parts.sender.send(request, reply, gate, rejection);
  }

  #isGone(request: FastifyRequest, reply: FastifyReply): boolean {
    if (!isClientGone(request, reply)) return false;
    this.#parts.requests.left();
    return true;
  }

  get #now(): number {
    return this.#parts.options.clock.now();
  }
}
