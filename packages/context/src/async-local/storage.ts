import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestContext } from '../request-context.ts';

// One for the process, so that all copies of this package see the same current context.
const key = Symbol.for('@bp/context/async-local');

type Storage = AsyncLocalStorage<RequestContext | undefined>;

function storage(): Storage {
  const shared = globalThis as { [key]?: Storage };
  shared[key] ??= new AsyncLocalStorage();
  return shared[key];
}

/** Calls `fn` with `ctx` as the current context of everything that `fn` calls or awaits. Returns the result of `fn`. */
export function runWithContext<T>(ctx: RequestContext, fn: () => T): T {
  return storage().run(ctx, fn);
}

/** Returns the current context; undefined outside of {@link runWithContext}. */
export function tryCurrentContext(): RequestContext | undefined {
  return storage().getStore();
}

/** Returns the current context. @throws Error outside of {@link runWithContext}. */
export function currentContext(): RequestContext {
  const ctx = tryCurrentContext();
  if (ctx === undefined) throw new Error('there is no current context: call it within runWithContext()');
  return ctx;
}

/**
 * Binds `fn` to the context that is current now. Use it for a callback that a queue, a pool or a timer calls later, in which the
 * current context would be another one or none. Without a current context `fn` has none.
 */
export function bindContext<Args extends unknown[], T>(fn: (...args: Args) => T): (...args: Args) => T {
  const ctx = tryCurrentContext();
  return (...args) => storage().run(ctx, fn, ...args);
}
