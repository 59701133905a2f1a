import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestContext } from '../request-context.ts';

const storage = /* @__PURE__ */ new AsyncLocalStorage<RequestContext>();

/** Calls `fn` with `ctx` as the current context, for it and for all that it awaits. Returns what `fn` returns. */
export function runWithContext<T>(ctx: RequestContext, fn: () => T): T {
  return storage.run(ctx, fn);
}

/** The current context, undefined outside of {@link runWithContext}. */
export function tryCurrentContext(): RequestContext | undefined {
  return storage.getStore();
}

/** The current context. @throws Error outside of {@link runWithContext}. */
export function currentContext(): RequestContext {
  const ctx = tryCurrentContext();
  if (ctx === undefined) throw new Error('there is no current context: call it within runWithContext()');
  return ctx;
}
