import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestContext } from '../request-context.ts';

// One for the process, whichever copy of this package is asked first: all of them see the same current context.
const key = Symbol.for('@bp/context/async-local');

type Storage = AsyncLocalStorage<RequestContext | undefined>;

function storage(): Storage {
  const shared = globalThis as { [key]?: Storage };
  shared[key] ??= new AsyncLocalStorage();
  return shared[key];
}

/** Calls `fn` with `ctx` as the current context, for it and for all that it awaits. Returns what `fn` returns. */
export function runWithContext<T>(ctx: RequestContext, fn: () => T): T {
  return storage().run(ctx, fn);
}

/** The current context, undefined outside of {@link runWithContext}. */
export function tryCurrentContext(): RequestContext | undefined {
  return storage().getStore();
}

/** The current context. @throws Error outside of {@link runWithContext}. */
export function currentContext(): RequestContext {
  const ctx = tryCurrentContext();
  if (ctx === undefined) throw new Error('there is no current context: call it within runWithContext()');
  return ctx;
}

/**
 * `fn` with the context that is current now, whoever calls it and when: for what a queue, a pool or a timer starts later,
 * which would otherwise find the context of whoever started it, or none. Without a current context `fn` finds none.
 */
export function bindContext<Args extends unknown[], T>(fn: (...args: Args) => T): (...args: Args) => T {
  const ctx = tryCurrentContext();
  return (...args) => storage().run(ctx, fn, ...args);
}
