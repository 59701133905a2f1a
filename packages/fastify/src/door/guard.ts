import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MAX_HEAD_BYTES, parsePlainRequest, type RequestHead } from './request-head.ts';

/** Decides who comes in. */
export interface Keeper {
  /** Whether there is anybody to refuse at all. */
  readonly isNeeded: boolean;
  /** Bytes of a refused request's body that may be read and dropped. */
  readonly maxUnreadBodyBytes: number;
  /** Milliseconds for which the server may go without the first request of a connection: it closes those that never send one. */
  readonly maxUnseenMs: number;
  /** Milliseconds of the clock. */
  now(): number;
  /** The whole answer to a request that is refused, as it goes on the wire; undefined to let it in. */
  answer(head: RequestHead): string | undefined;
}

type DataListener = (chunk: Buffer) => void;

const NOTHING = Buffer.alloc(0);

/**
 * One connection, from its first byte on. It follows where requests begin and end, answers those that are refused and passes on the
 * rest. At anything about which there could be two opinions (a body in chunks, an upgrade, a header twice) it gives the connection
 * back for good: from then on nobody but the server's parser knows where requests begin.
 */
export class Guard {
  readonly #socket: Socket;
  readonly #keeper: Keeper;
  readonly #server: DataListener;
  readonly #onRelease: () => void;
  /** What has come of a head that is not whole yet; the server has it too. */
  #begun = NOTHING;
  /** Bytes still to come of the request under way. */
  #rest = 0;
  /** Whether that request was refused here. */
  #refused = false;
  /** Since when the server waits for the first request of this connection, if it does. */
  #unseenSince: number | undefined;
  /** Requests that Node's server has begun and not yet answered. */
  #underWay = 0;

  /** Guards a new `socket`; undefined if Node's server does not listen to it as expected. */
  static on(socket: Socket, keeper: Keeper, onRelease: () => void): Guard | undefined {
    const [server, ...others] = socket.listeners('data');
    if (server === undefined || others.length > 0) return undefined;
    return new Guard(socket, keeper, server as DataListener, onRelease);
  }

  private constructor(socket: Socket, keeper: Keeper, server: DataListener, onRelease: () => void) {
    this.#socket = socket;
    this.#keeper = keeper;
    this.#server = server;
    this.#onRelease = onRelease;
    this.#unseenSince = keeper.now();
    // In this order: Node's parser gives up reading past the socket when somebody else listens to it.
    socket.on('data', this.#onData);
    socket.removeListener('data', server);
  }

  /** Node's server has begun a request of this connection, and answers it with `response`. */
  entered(response: ServerResponse): void {
    this.#unseenSince = undefined;
    this.#underWay++;
    response.once('close', () => this.#underWay--);
  }

  readonly #onData = (chunk: Buffer): void => {
    let left = chunk;
    while (left.length > 0) left = this.#rest > 0 ? this.#onBody(left) : this.#onHead(left);
  };

  /** Returns what comes after the body that is under way. */
  #onBody(chunk: Buffer): Buffer {
    const length = Math.min(this.#rest, chunk.length);
    this.#rest -= length;
    if (!this.#refused) this.#pass(chunk, length);
    return after(chunk, length);
  }

  /** Returns what comes after the request that begins here, or began in chunks before. */
  #onHead(chunk: Buffer): Buffer {
    const before = this.#begun.length;
    const seen = before === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    const plain = parsePlainRequest(seen, this.#socket.remoteAddress);
    if (plain === undefined) return this.#onDoubt(chunk, seen);
    this.#begun = NOTHING;
    const length = Math.min(chunk.length, plain.length - before);
    this.#rest = plain.length - before - length;
    const answer = before === 0 && this.#mayAnswer ? this.#keeper.answer(plain.head) : undefined;
    this.#refused = answer !== undefined;
    if (answer === undefined) this.#pass(chunk, length);
    else this.#socket.write(answer, 'latin1');
    return after(chunk, length);
  }

  /** A head that is not whole may still become a plain one; anything else is the server's. */
  #onDoubt(chunk: Buffer, seen: Buffer): Buffer {
    if (seen.length < MAX_HEAD_BYTES && !seen.includes('\r\n\r\n')) this.#begun = Buffer.from(seen);
    else this.#release();
    this.#pass(chunk, chunk.length);
    return NOTHING;
  }

  /** Answers come in the order of their requests, and whoever does not read them gets no more: Node's server stops reading then. */
  get #mayAnswer(): boolean {
    if (!this.#keeper.isNeeded || this.#underWay > 0 || this.#mustBeSeen) return false;
    return this.#socket.writableLength === 0 && this.#rest <= this.#keeper.maxUnreadBodyBytes;
  }

  /** Node's server answers 408 on a connection that has been open for too long without a request that it knows of. */
  get #mustBeSeen(): boolean {
    if (this.#unseenSince === undefined) return false;
    return this.#keeper.now() - this.#unseenSince >= this.#keeper.maxUnseenMs;
  }

  #pass(chunk: Buffer, length: number): void {
    this.#server.call(this.#socket, length === chunk.length ? chunk : chunk.subarray(0, length));
  }

  #release(): void {
    this.#socket.on('data', this.#server);
    this.#socket.removeListener('data', this.#onData);
    this.#onRelease();
  }
}

function after(chunk: Buffer, length: number): Buffer {
  return length === chunk.length ? NOTHING : chunk.subarray(length);
}
