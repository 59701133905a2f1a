import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { parsePlainRequest, type RequestHead } from './request-head.ts';

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

/**
 * One connection. Between two requests it looks at what comes, answers what is refused and passes on the rest. It knows
 * where requests begin only while all of them are plain and come one by one; at anything else (a head in pieces, a
 * pipelined request, an upgrade) it gives the connection back.
 */
export class Guard {
  readonly #socket: Socket;
  readonly #keeper: Keeper;
  readonly #server: DataListener;
  readonly #onRelease: () => void;
  /** Whether nothing is under way, so that what comes next is the beginning of a request. */
  #between: boolean;
  /** Bytes still to come of the message under way. */
  #rest: number;
  /** Whether that message was refused here. */
  #refused = false;
  /** Since when the server waits for the first request of this connection, if it does. */
  #unseenSince: number | undefined;
  /** Requests that Node's server has begun and not yet answered. */
  #underWay = 0;
  /** Whether it is certain that a request begins where nothing is under way. */
  #proved: boolean;
  /** What the server must find in the chunk it is given, for that to be certain. */
  #expected: RequestHead | undefined;

  /**
   * Guards `socket` from now on, or from the end of the request after `request` if one is under way. Undefined if Node's
   * server does not listen to it as expected.
   */
  static on(
    socket: Socket,
    request: IncomingMessage | undefined,
    keeper: Keeper,
    onRelease: () => void,
  ): Guard | undefined {
    const [server, ...others] = socket.listeners('data');
    if (server === undefined || others.length > 0) return undefined;
    return new Guard(socket, request, keeper, server as DataListener, onRelease);
  }

  private constructor(
    socket: Socket,
    request: IncomingMessage | undefined,
    keeper: Keeper,
    server: DataListener,
    onRelease: () => void,
  ) {
    this.#socket = socket;
    this.#keeper = keeper;
    this.#server = server;
    this.#onRelease = onRelease;
    // How much of its body has come is not known here; no more than this is left of it.
    this.#rest = Number(request?.headers['content-length'] ?? 0);
    this.#between = request === undefined;
    // The packet it came in may hold a part of the next head, which nobody but the server's parser has seen.
    this.#proved = request === undefined;
    this.#unseenSince = request === undefined ? keeper.now() : undefined;
    // In this order: Node's parser gives up reading past the socket when somebody else listens to it.
    socket.on('data', this.#onData);
    socket.removeListener('data', server);
  }

  /** Node's server has begun a request of this connection. */
  entered(request: IncomingMessage, response: ServerResponse): void {
    if (this.#expected !== undefined) this.#proved = isHeadOf(request, this.#expected);
    this.#unseenSince = undefined;
    this.#underWay++;
    let gone = false;
    const left = (): void => {
      // An answer may be sent before the body has come.
      if (gone || !response.closed || !request.complete) return;
      gone = true;
      this.#underWay--;
      this.#between = this.#underWay === 0;
    };
    response.once('close', left);
    if (!request.complete) request.once('close', left);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#between) this.#onBeginning(chunk);
    else this.#onRest(chunk);
  };

  #onBeginning(chunk: Buffer): void {
    const plain = this.#keeper.isNeeded ? parsePlainRequest(chunk, this.#socket.remoteAddress) : undefined;
    if (plain === undefined || chunk.length > plain.length) {
      this.#release(chunk);
      return;
    }
    this.#rest = plain.length - chunk.length;
    if (!this.#proved) {
      this.#prove(plain.head, chunk);
      return;
    }
    const answer = this.#mayAnswer ? this.#keeper.answer(plain.head) : undefined;
    this.#refused = answer !== undefined;
    this.#between = this.#refused && this.#rest === 0;
    if (answer === undefined) this.#server.call(this.#socket, chunk);
    else this.#socket.write(answer, 'latin1');
  }

  /** Lets one request in, to see whether the server finds the same one in `chunk`: else it began earlier. */
  #prove(head: RequestHead, chunk: Buffer): void {
    this.#between = false;
    this.#expected = head;
    this.#server.call(this.#socket, chunk);
    this.#expected = undefined;
    if (!this.#proved) this.#giveBack();
  }

  #onRest(chunk: Buffer): void {
    this.#rest -= chunk.length;
    if (this.#rest < 0) {
      // What follows a refused body is the next request; what follows an admitted one came before its answer.
      const next = this.#refused ? chunk.subarray(this.#rest) : chunk;
      this.#release(next);
    } else if (this.#refused) {
      this.#between = this.#rest === 0;
    } else {
      this.#server.call(this.#socket, chunk);
    }
  }

  /** Whoever does not read its answers gets no more of them: Node's server stops reading from it. */
  get #mayAnswer(): boolean {
    if (this.#mustBeSeen) return false;
    return this.#socket.writableLength === 0 && this.#rest <= this.#keeper.maxUnreadBodyBytes;
  }

  /** Node's server answers 408 on a connection that has been open for too long without a request that it knows of. */
  get #mustBeSeen(): boolean {
    if (this.#unseenSince === undefined) return false;
    return this.#keeper.now() - this.#unseenSince >= this.#keeper.maxUnseenMs;
  }

  #release(chunk: Buffer): void {
    this.#giveBack();
    this.#server.call(this.#socket, chunk);
  }

  #giveBack(): void {
    this.#socket.on('data', this.#server);
    this.#socket.removeListener('data', this.#onData);
    this.#onRelease();
  }
}

/**
 * Whether `request` began where `head` was read. Had it begun earlier, the first line of `head` would be one of its headers; had it
 * begun later, in what was read as the body, so much of its own body would be to come that the two soon part.
 */
function isHeadOf({ method, url, headers, rawHeaders }: IncomingMessage, head: RequestHead): boolean {
  if (method !== head.method || url?.split('?', 1)[0] !== head.path) return false;
  if (headers['content-length'] !== head.headers['content-length']) return false;
  return rawHeaders.length === 2 * Object.keys(head.headers).length;
}
