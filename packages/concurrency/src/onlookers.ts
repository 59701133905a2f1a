import type { CallContext } from '@bp/core';
import type { ResolvedConcurrencyLimiterOptions } from './options.ts';
import { ReadyList } from './ready-list.ts';

/** Who may wait for room at once. */
const MAX_READY = 1000;

/** What is looked at. */
export interface Scene {
  /** Whether such a call would be admitted, if it had all the time in the world. */
  readonly hasRoom: (ctx: CallContext) => boolean;
  readonly isIdle: () => boolean;
}

/** Those who wait beside the line, holding no place: for room, or until nothing is left to do. */
export class Onlookers {
  readonly #options: ResolvedConcurrencyLimiterOptions;
  readonly #scene: Scene;
  readonly #forRoom: ReadyList;
  readonly #forIdle: ReadyList;
  #any = false;
  #telling = false;

  constructor(options: ResolvedConcurrencyLimiterOptions, scene: Scene) {
    const { clock, name } = options;
    this.#options = options;
    this.#scene = scene;
    this.#forRoom = new ReadyList(clock, name, MAX_READY, () => this.look());
    this.#forIdle = new ReadyList(clock, name, Number.POSITIVE_INFINITY, () => undefined);
  }

  waitForRoom(ctx: CallContext): Promise<void> {
    if (this.#forRoom.isEmpty && this.#scene.hasRoom(ctx)) return Promise.resolve();
    this.#any = true;
    return this.#forRoom.wait(ctx);
  }

  waitForIdle(ctx: CallContext): Promise<void> {
    if (this.#scene.isIdle()) return Promise.resolve();
    this.#any = true;
    return this.#forIdle.wait(ctx);
  }

  /** There will be no room any more. */
  close(): void {
    this.#forRoom.close();
  }

  /** There may be more room than before, or nothing left to do. */
  look(): void {
    if (!this.#any) return;
    this.#any = !this.#forRoom.isEmpty || !this.#forIdle.isEmpty;
    if (!this.#forRoom.isEmpty && !this.#telling) this.#tellFirst();
    if (!this.#forIdle.isEmpty && this.#scene.isIdle()) this.#forIdle.wakeAll();
  }

  /** One at a time, and the next one in the next turn: by then the first has made its call, or does not want to. */
  readonly #tellFirst = (): void => {
    this.#telling = false;
    const { firstCtx } = this.#forRoom;
    if (firstCtx === undefined || !this.#scene.hasRoom(firstCtx)) return;
    this.#forRoom.wakeFirst();
    if (this.#forRoom.isEmpty) return;
    this.#telling = true;
    this.#options.clock.nextTurn(this.#tellFirst);
  };
}
