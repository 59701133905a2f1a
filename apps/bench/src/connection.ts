import { connect, type Socket } from 'node:net';

const BUFFER = Buffer.alloc(16_384);
const STATUS_AT = 'HTTP/1.1 '.length;
const LENGTH = /\r\ncontent-length: *(\d+)\r\n/i;

/**
 * One connection with at most one request in flight. It implements only the part of HTTP that the servers under test use: a client
 * that costs as much as the server would saturate first, and the measurement would show the client's own queue.
 */
export class Connection {
  readonly #port: number;
  readonly #host: string;
  #socket: Socket | undefined;
  #received = '';
  #settle: ((status: number | undefined) => void) | undefined;

  constructor({ hostname, port }: URL) {
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Sends a whole request; calls `settle` once with the status of its response, undefined if the connection broke first. */
  send(request: string, settle: (status: number | undefined) => void): void {
    this.#settle = settle;
    this.#socket ??= this.#open();
    this.#socket.write(request, 'latin1');
  }

  #open(): Socket {
    const socket = connect({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      // One buffer for all connections: its content is copied before the next read.
      onread: {
        buffer: BUFFER,
        callback: (length) => {
          this.#onData(length);
          return true;
        },
      },
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#socket = undefined;
      this.#end(undefined);
    });
    return socket;
  }

  #onData(length: number): void {
    this.#received += BUFFER.toString('latin1', 0, length);
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const bodyLength = LENGTH.exec(this.#received)?.[1];
    if (bodyLength === undefined) throw new Error(`a response without a length: ${this.#received}`);
    if (this.#received.length < headEnd + 4 + Number(bodyLength)) return;
    this.#end(Number(this.#received.slice(STATUS_AT, STATUS_AT + 3)));
  }

  #end(status: number | undefined): void {
    const settle = this.#settle;
    this.#settle = undefined;
    this.#received = '';
    settle?.(status);
  }
}
