import { once } from 'node:events';
import { type Hop, startServices } from './services.ts';

// A client calls the orders service, which calls the stock service. Deadline and cancellation reach both.
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

console.log('the client sends a deadline of 200 ms to the first service');
const headers = { 'x-request-timeout-ms': '200' };
const [quick, hop] = await Promise.all([fetch(services.url, { headers }), nextHop()]);
await quick.body?.cancel();
console.log(`  the second service receives ${hop.timeoutHeader} ms; the client gets ${quick.status}`);

console.log('the second service would need 5 s: it stops at the deadline, and the client gets an error');
const [late, slow] = await Promise.all([fetch(`${services.url}?workMs=5000`, { headers }), nextHop()]);
await late.body?.cancel();
console.log(`  the work ended early: ${slow.context.reason}; the client gets ${late.status}`);

for (const init of [get, post]) {
  console.log(`the client of a ${init.method} disconnects while the second service works`);
  const client = new AbortController();
  const hop = nextHop();
  const call = fetch(`${services.url}?workMs=5000`, { ...init, signal: client.signal });
  const { context } = await hop;
  const over = once(context.signal, 'abort');
  client.abort();
  await Promise.all([over, call.catch(() => {})]);
  console.log(`  the work is cancelled: ${context.reason}`);
}
