import { RequestContext } from '@bp/context';
import { compare } from './compare.ts';

export const answers = await compare({
  title: 'a deadline that nobody has to wait for',
  baseline: 'an object with a number',
  contenders: {
    'an object with a number': () => ({ deadline: performance.now() + 500 }),
    '@bp RequestContext, signal not read': () => new RequestContext({ timeoutMs: 500 }),
    'AbortSignal.timeout': () => AbortSignal.timeout(500),
  },
});
