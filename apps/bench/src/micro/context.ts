import { RequestContext } from '@bp/context';
import { compare } from './compare.ts';

const unread = await compare({
  title: 'a deadline without a listener',
  baseline: 'reading the clock',
  contenders: {
    'reading the clock': () => performance.now(),
    'an object with a deadline': () => ({ deadline: performance.now() + 500 }),
    '@bp RequestContext': () => new RequestContext({ timeoutMs: 500 }),
    'AbortSignal.timeout': () => AbortSignal.timeout(500),
  },
});

const parent = new RequestContext({ timeoutMs: 60_000 });
const { signal } = new AbortController();

const children = await compare({
  title: 'a child with its own deadline, without a listener',
  baseline: 'reading the clock',
  contenders: {
    'reading the clock': () => performance.now(),
    '@bp RequestContext.child': () => parent.child({ timeoutMs: 500 }),
    'AbortSignal.any with AbortSignal.timeout': () => AbortSignal.any([signal, AbortSignal.timeout(500)]),
  },
});

const nothing = (): void => {};

const read = await compare({
  title: 'a deadline with a listener, ended before it passes',
  baseline: 'AbortController, setTimeout and clearTimeout',
  contenders: {
    'AbortController, setTimeout and clearTimeout': () => {
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(), 500);
      controller.signal.addEventListener('abort', nothing, { once: true });
      clearTimeout(timer);
    },
    '@bp RequestContext, onDone and end': () => {
      const ctx = new RequestContext({ timeoutMs: 500 });
      ctx.onDone(nothing);
      ctx.end();
    },
    '@bp RequestContext, signal and end': () => {
      const ctx = new RequestContext({ timeoutMs: 500 });
      ctx.signal.addEventListener('abort', nothing, { once: true });
      ctx.end();
    },
    'AbortSignal.timeout, which cannot be ended': () => {
      AbortSignal.timeout(500).addEventListener('abort', nothing, { once: true });
    },
  },
});

export const measurements = [...unread, ...children, ...read];
