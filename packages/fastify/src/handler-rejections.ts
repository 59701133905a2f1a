import { isRejected } from '@bp/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AdmissionPipelineParts, type AdmittedRequest, routeSettings } from './admission-pipeline.ts';
import { isOverload, responseTo } from './rejection/rejection-response.ts';
import { tierOf } from './request/admission-request.ts';

/** Answers a `RejectedError` that a route or a hook has thrown. */
export class HandlerRejections {
  readonly #parts: AdmissionPipelineParts;

  constructor(parts: AdmissionPipelineParts) {
    this.#parts = parts;
  }

  /** Sends the rejection response; returns false if `error` is no `RejectedError`. */
  send(error: unknown, request: FastifyRequest, reply: FastifyReply): boolean {
    if (!isRejected(error)) return false;
    const { load, sender, shutdown } = this.#parts;
    // Work that never began costs the client nothing, whether a gate or the handler rejected it.
    if (isOverload(error) && !error.workBegan) this.#refund(request);
    sender.send(request, reply, 'handler', error, {
      spreadMs: responseTo(error).status === 503 ? load?.spreadMs : undefined,
      // Only the server knows when it has ended.
      unknownMs: error.code === 'SHUTTING_DOWN' ? shutdown.retryAfterMs() : undefined,
    });
    return true;
  }

  #refund(request: FastifyRequest): void {
    // A hook in front of the plugin may have thrown: then nothing was charged.
    const { [routeSettings]: settings, backpressure } = request as Partial<AdmittedRequest>;
    const key = backpressure?.key;
    if (settings === undefined || key === undefined) return;
    const { options } = this.#parts;
    const tier = tierOf(request, options);
    settings.rateLimit?.gate.refund({ key, tier, cost: settings.cost, now: options.clock.now() });
  }
}
