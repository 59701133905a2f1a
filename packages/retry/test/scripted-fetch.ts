import { VirtualClock } from '@bp/core/testing';
import { createRetryingFetch, type RetryingFetch, type RetryingFetchOptions } from '../src/index.ts';

/** One attempt as a scripted server has seen it. */
export interface Seen {
  readonly at: number;
  readonly input: string | URL | Request;
  readonly init: RequestInit;
  readonly headers: Headers;
}

/** What the server does with an attempt: respond, fail, or hang until it is aborted. */
export type Step = number | Response | Error | 'hang';

/** A response that records whether its body was cancelled. */
export function answer(
  status: number,
  headers: Record<string, string> = {},
): Response & { cancelled: boolean } {
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1024)),
    cancel: () => {
      response.cancelled = true;
    },
  });
  const response = Object.assign(new Response(body, { status, headers }), { cancelled: false });
  return response;
}

/** A retrying fetch to a server that follows a script and then responds with 200. Its pauses are the limit of the backoff. */
export function scripted(
  steps: readonly Step[],
  options: RetryingFetchOptions = {},
): { clock: VirtualClock; fetch: RetryingFetch; seen: Seen[] } {
  const clock = new VirtualClock();
  const seen: Seen[] = [];
  const script = [...steps];
  const server = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    seen.push({ at: clock.now(), input, init, headers: new Headers(init.headers) });
    init.signal?.throwIfAborted();
    const step = script.shift() ?? 200;
    if (step instanceof Error) throw step;
    if (step instanceof Response) return step;
    if (typeof step === 'number') return new Response(`status ${step}`, { status: step });
    return await new Promise((_, reject) => {
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
    });
  };
  const fetch = createRetryingFetch({ fetch: server, backoffMs: 100, random: () => 1, clock, ...options });
  return { clock, fetch, seen };
}
