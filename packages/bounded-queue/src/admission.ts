import { type CallContext, isRejected, RejectedError, type RejectionCode } from '@bp/core';
import {
  EMPTY_CONTEXT,
  isOver,
  Rejections,
  rejectionAtEntry,
  rejectionIfOver,
  WaitQueue,
} from '@bp/core/kit';
import type { Contents } from './contents/contents.ts';
import { checkItemContext, type ItemRules, isItemContext } from './item-context.ts';
import type { ResolvedQueueOptions } from './options.ts';

/** What {@link Admission} needs of a queue. */
export interface AdmissionOptions<T> {
  readonly queue: ResolvedQueueOptions<T>;
  readonly rules: ItemRules;
  readonly contents: Contents<T>;
  /** Whether waiting producers are served by priority. */
  readonly byPriority: boolean;
  readonly isClosing: () => boolean;
  /** Completes an operation: serves waiters and notifies. */
  readonly settle: () => void;
}

/** Decides which items a queue accepts, lets producers wait for room, and makes rejections. */
export class Admission<T> {
  readonly rejections: Rejections;
  /** Producers that wait for room. A heavy item is not overtaken by lighter ones. */
  readonly producers: WaitQueue<T>;
  readonly #options: AdmissionOptions<T>;

  constructor(options: AdmissionOptions<T>) {
    const { byPriority, settle } = options;
    const { clock, name } = options.queue;
    const rejections = new Rejections(name);
    this.#options = options;
    this.rejections = rejections;
    this.producers = new WaitQueue({
      clock,
      name,
      byPriority,
      serve: (producer) => {
        if (this.#admit(producer.payload, producer.ctx) !== undefined) return false;
        producer.resolve();
        settle();
        return true;
      },
      onLeft: (_producer, error) => {
        if (isRejected(error)) rejections.record(error);
        settle();
      },
    });
  }

  tryPush(item: T, ctx: CallContext = EMPTY_CONTEXT): boolean {
    const code = this.#mustWait(ctx) ? 'QUEUE_FULL' : this.#admit(item, ctx);
    this.#options.settle();
    if (code === undefined) return true;
    if (this.rejections.isObserved) this.rejections.record(this.#rejection(code, ctx));
    else this.rejections.count++;
    return false;
  }

  async push(item: T, ctx: CallContext): Promise<void> {
    const { queue, rules, contents, isClosing, settle } = this.#options;
    if (item === undefined) throw new TypeError('item must not be undefined');
    checkItemContext(ctx, rules);
    const over = rejectionAtEntry(ctx, queue.clock, queue.name);
    if (over !== undefined) throw this.rejections.record(over);
    const code = this.#mustWait(ctx) ? 'QUEUE_FULL' : this.#admit(item, ctx);
    settle();
    if (code === undefined) return;
    // A callback may have closed the queue meanwhile.
    const waits = code === 'QUEUE_FULL' && !isClosing() && this.producers.size < queue.maxWaitingProducers;
    if (!waits) throw this.rejections.record(this.#rejection(isClosing() ? 'SHUTTING_DOWN' : code, ctx));
    contents.forbidQuiet();
    const accepted = this.producers.wait(item, ctx);
    settle();
    return accepted;
  }

  check(ctx: CallContext): RejectedError | undefined {
    const { queue, rules, isClosing } = this.#options;
    if (isOver(ctx, queue.clock)) return this.#rejection('DEADLINE_EXCEEDED', ctx);
    if (isClosing()) return this.#rejection('SHUTTING_DOWN', ctx);
    const mayWait = this.producers.size < queue.maxWaitingProducers;
    if (isItemContext(ctx, rules) && (mayWait || this.hasRoom(ctx))) return undefined;
    return this.#rejection('QUEUE_FULL', ctx);
  }

  hasRoom(ctx: CallContext): boolean {
    const { rules, contents, isClosing, settle } = this.#options;
    if (isClosing() || this.#mustWait(ctx) || !isItemContext(ctx, rules)) return false;
    const { dropped } = contents;
    const hasRoom = contents.hasRoom(ctx);
    if (contents.dropped > dropped) settle();
    return hasRoom;
  }

  /** Whether waiting producers come before an item with this context. */
  #mustWait({ priority = 0 }: CallContext): boolean {
    const { first } = this.producers;
    return first !== undefined && (!this.#options.byPriority || first.rank <= -priority);
  }

  /** Adds an item; returns undefined, or why it is rejected. */
  #admit(item: T, ctx: CallContext): RejectionCode | undefined {
    const { queue, rules, contents, isClosing } = this.#options;
    if (isOver(ctx, queue.clock)) return 'DEADLINE_EXCEEDED';
    if (isClosing()) return 'SHUTTING_DOWN';
    if (item === undefined || !isItemContext(ctx, rules)) return 'QUEUE_FULL';
    try {
      return contents.tryAdd(item, ctx) ? undefined : 'QUEUE_FULL';
    } catch (error) {
      // Code of the context failed: what was evicted for the item is notified all the same.
      this.#options.settle();
      throw error;
    }
  }

  #rejection(code: RejectionCode, ctx: CallContext): RejectedError {
    const { clock, name } = this.#options.queue;
    const over = rejectionIfOver(ctx, clock, name);
    if (over !== undefined) return over;
    return new RejectedError(code, name, {
      retryAfterMs: code === 'QUEUE_FULL' ? this.#retryAfterMs(ctx) : undefined,
    });
  }

  #retryAfterMs(ctx: CallContext): number | undefined {
    const { rules, contents } = this.#options;
    return isItemContext(ctx, rules) ? contents.waitMs(ctx) : Number.POSITIVE_INFINITY;
  }
}
