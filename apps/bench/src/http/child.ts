import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** Another process, which answers each message with one, and ends with this one. */
export class Child {
  readonly #process: ChildProcess;

  constructor(file: string, ...args: readonly string[]) {
    this.#process = fork(new URL(file, import.meta.url), args, { execArgv: ['--conditions=@bp/source'] });
    this.#process.once('exit', () => {
      throw new Error(`${file} ${args.join(' ')} ended too early`);
    });
  }

  async receive<T>(): Promise<T> {
    const [message] = (await once(this.#process, 'message')) as [T];
    return message;
  }

  request<T>(message: object): Promise<T> {
    const answer = this.receive<T>();
    this.#process.send(message);
    return answer;
  }
}
