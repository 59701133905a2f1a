import { isRejected } from '@bp/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AdmissionPipelineParts, type AdmittedRequest, admissionOf } from './admission-pipeline.ts';
import { isOverload, responseTo } from './rejection/rejection-response.ts';

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
      unknownMs: shutdown.unknownMs(error),
    });
    return true;
  }

  #refund(request: FastifyRequest): void {
    // A hook in front of the plugin may have thrown: then nothing was charged.
    const { [admissionOf]: admission } = request as Partial<AdmittedRequest>;
    if (admission?.key === undefined) return;
    const { settings, key, tier, tokens } = admission;
    settings.rateLimit?.gate.refund({ key, tier, cost: tokens, now: this.#parts.options.clock.now() });
  }
}
