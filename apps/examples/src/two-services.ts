import { once } from 'node:events';
import { type Hop, startServices } from './services.ts';

// A client calls the orders service, which calls the stock service: one deadline and one cancellation for all of it.
let onHop: (hop: Hop) => void = () => {};
await using services = await startServices((hop) => onHop(hop));
const nextHop = (): Promise<Hop> =>
  new Promise((resolve) => {
    onHop = resolve;
  });

const get: RequestInit = { method: 'GET' };
const post: RequestInit = {
  method: 'POST',
  body: '{"id":1}',
  headers: { 'content-type': 'application/json' },
};

console.log('the client has 200 ms, and says so to the first service');
const headers = { 'x-request-timeout-ms': '200' };
const [quick, hop] = await Promise.all([fetch(services.url, { headers }), nextHop()]);
await quick.body?.cancel();
console.log(`  the second service is told ${hop.timeoutHeader} ms; the client gets ${quick.status}`);

console.log('the second service would need 5 s: it stops when the time is over, and the client is told');
const [late, slow] = await Promise.all([fetch(`${services.url}?workMs=5000`, { headers }), nextHop()]);
await late.body?.cancel();
console.log(`  the work ended early: ${slow.context.reason}; the client gets ${late.status}`);

for (const init of [get, post]) {
  console.log(`the client of a ${init.method} hangs up while the second service works`);
  const client = new AbortController();
  const hop = nextHop();
  const call = fetch(`${services.url}?workMs=5000`, { ...init, signal: client.signal });
  const { context } = await hop;
  const over = once(context.signal, 'abort');
  client.abort();
  await Promise.all([over, call.catch(() => {})]);
  console.log(`  the work is cancelled: ${context.reason}`);
}
