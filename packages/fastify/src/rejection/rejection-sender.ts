import { Socket } from 'node:net';
import type { RejectedError, Unsubscribe } from '@bp/core';
import { Listeners } from '@bp/core/kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GateName } from '../stats.ts';
import { prefersProblem } from './accept.ts';
import { RejectionCounts } from './rejection-counts.ts';
import { jsonBody, problemBody, responseTo } from './rejection-response.ts';
import { RetryAfter, type RetryAfterOptions } from './retry-after.ts';

/** A rejected request, as `onRejected` listeners get it. */
export interface RequestRejection {
  readonly request: FastifyRequest;
  /** The gate that rejected the request. */
  readonly gate: GateName;
  /** Which primitive rejected it, why, and when to come back. */
  readonly rejection: RejectedError;
}

/** How one rejection is sent. */
export interface SendOptions {
  /** Whether the body has not been read: what is left of it is dropped, or the connection is closed if that is too much. */
  readonly beforeBody?: boolean | undefined;
  /** Whether the connection is closed after the response. */
  readonly close?: boolean | undefined;
  /** Milliseconds over which rejected clients should return. */
  readonly spreadMs?: number | undefined;
  /** Milliseconds to send if the rejection does not know when to come back. */
  readonly unknownMs?: number | undefined;
}

/** Options of {@link RejectionSender}. */
export interface RejectionSenderOptions extends RetryAfterOptions {
  readonly maxUnreadBodyBytes: number;
  /** Whether each rejection is logged at level `info`, else at `debug`. */
  readonly logRejections: boolean;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Sends, counts, logs and reports rejections. A rejection throws nothing and reads no body. */
export class RejectionSender {
  readonly #options: RejectionSenderOptions;
  readonly #retryAfter: RetryAfter;
  readonly #counts = new RejectionCounts();
  readonly #listeners = new Listeners<RequestRejection>();

  constructor(options: RejectionSenderOptions) {
    this.#options = options;
    this.#retryAfter = new RetryAfter(options);
  }

  get counts(): RejectionCounts {
    return this.#counts;
  }

  onRejected(listener: (rejected: RequestRejection) => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  send(
    request: FastifyRequest,
    reply: FastifyReply,
    gate: GateName,
    rejection: RejectedError,
    options: SendOptions = {},
  ): void {
    this.#record(request, gate, rejection);
    const response = responseTo(rejection);
    const seconds = this.#retryAfter.seconds(rejection, options.spreadMs, options.unknownMs);
    reply.code(response.status);
    if (seconds !== undefined) reply.header('retry-after', `${seconds}`);
    this.#closeIfNeeded(request, reply, options);
    if (prefersProblem(request.headers.accept)) {
      reply.header('content-type', PROBLEM_TYPE).send(problemBody(response, gate, rejection, seconds));
    } else {
      reply.header('content-type', JSON_TYPE).send(jsonBody(response, seconds));
    }
  }

  #record(request: FastifyRequest, gate: GateName, rejection: RejectedError): void {
    const { code, rejectedBy = 'unknown', retryAfterMs } = rejection;
    this.#counts.add(gate, rejectedBy);
    const level = this.#options.logRejections ? 'info' : 'debug';
    request.log[level]({ gate, code, rejectedBy, retryAfterMs }, 'request rejected');
    this.#listeners.emit({ request, gate, rejection });
  }

  #closeIfNeeded(request: FastifyRequest, reply: FastifyReply, { beforeBody, close }: SendOptions): void {
    const { raw, headers } = request;
    if (raw.httpVersionMajor !== 1) return;
    const isUpgrade = headers.upgrade !== undefined;
    if (close || isUpgrade || (beforeBody && this.#bodyMayBeLarge(request))) {
      reply.header('connection', 'close');
    }
    // Node's server no longer owns the socket of an upgrade request: it would stay open for good.
    const { socket } = raw;
    if (isUpgrade && socket instanceof Socket) reply.raw.once('finish', () => socket.destroySoon());
  }

  // Node reads and drops the rest of a body to keep the connection. A body of unknown length may have no end.
  #bodyMayBeLarge({ headers }: FastifyRequest): boolean {
    if (headers['transfer-encoding'] !== undefined) return true;
    const { 'content-length': length } = headers;
    return length !== undefined && !(Number(length) <= this.#options.maxUnreadBodyBytes);
  }
}
