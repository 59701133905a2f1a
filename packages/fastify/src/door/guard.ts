import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MAX_HEAD_BYTES, type PlainRequest, parsePlainRequest, type RequestHead } from './request-head.ts';

/** Decides who comes in. */
export interface Keeper {
  /** Whether there is anybody to reject at all. */
  readonly isNeeded: boolean;
  /** The whole answer to a request that is rejected, as it goes on the wire; undefined to let it in. */
  answer(head: RequestHead): string | undefined;
}

type DataListener = (chunk: Buffer) => void;

const NOTHING = Buffer.alloc(0);

/**
 * One connection, from its first byte on. It follows where requests begin and end, answers those that are rejected and passes on the
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
  /** Whether the server knows of a request of this connection: it closes those that never send one, and waits for their first. */
  #seen = false;
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
    // In this order: Node's parser gives up reading past the socket when somebody else listens to it.
    socket.on('data', this.#onData);
    socket.removeListener('data', server);
  }

  /** Node's server has begun a request of this connection, and answers it with `response`. */
  entered(response: ServerResponse): void {
    this.#seen = true;
    this.#underWay++;
    response.once('close', () => this.#underWay--);
  }

  /** Rejected are requests at the front; the server is given all others in one piece, because it may pause after any of them. */
  readonly #onData = (chunk: Buffer): void => {
    let at = 0;
    let rejected = 0;
    while (at < chunk.length) {
      const left = at === 0 ? chunk : chunk.subarray(at);
      if (this.#rest > 0) {
        at += this.#take(left);
        continue;
      }
      const before = this.#begun.length;
      const whole = before === 0 ? left : Buffer.concat([this.#begun, left]);
      const plain = parsePlainRequest(whole, this.#socket.remoteAddress);
      if (plain === undefined) {
        this.#onDoubt(whole);
        break;
      }
      this.#begun = NOTHING;
      this.#rest = plain.length - before;
      const answer = at === rejected && before === 0 ? this.#answerTo(plain, left) : undefined;
      at += this.#take(left);
      if (answer === undefined) continue;
      this.#socket.write(answer, 'latin1');
      rejected = at;
    }
    if (rejected < chunk.length)
      this.#server.call(this.#socket, rejected === 0 ? chunk : chunk.subarray(rejected));
  };

  /** How much of `left` belongs to the request under way. */
  #take(left: Buffer): number {
    const length = Math.min(this.#rest, left.length);
    this.#rest -= length;
    return length;
  }

  /** A head that is not whole may still become a plain one; anything else is the server's. */
  #onDoubt(whole: Buffer): void {
    if (whole.length < MAX_HEAD_BYTES && !whole.includes('\r\n\r\n')) this.#begun = Buffer.from(whole);
    else this.#release();
  }

  /**
   * The answer to a request that is rejected here: one of which all has come, because the server minds how long the rest takes; and
   * nobody is overtaken by it, nor sent more than is read.
   */
  #answerTo({ head, length }: PlainRequest, left: Buffer): string | undefined {
    if (!this.#keeper.isNeeded || !this.#seen || this.#underWay > 0 || length > left.length) return undefined;
    const { writable, writableLength } = this.#socket;
    return writable && writableLength === 0 ? this.#keeper.answer(head) : undefined;
  }

  #release(): void {
    this.#socket.on('data', this.#server);
    this.#socket.removeListener('data', this.#onData);
    this.#onRelease();
  }
}
