import { systemClock } from '@bp/core';
import { Closing } from '@bp/core/kit';

// What keeps a process alive is shown by one that has nothing else to do. `work` is running when it closes.
const [how = 'await', withinMs = '30'] = process.argv.slice(2);
let active = true;
const closing = new Closing({
  clock: systemClock,
  isIdle: () => !active,
  cancelRest: () => console.log('cancelled'),
});
const started = systemClock.now();
const report = (): void => {
  const tookMs = systemClock.now() - started;
  console.log(tookMs >= Number(withinMs) || !active ? 'closed' : `closed after ${tookMs} ms`);
};

if (how === 'finish') {
  // The work ends by itself; its timer alone would not keep the process alive.
  systemClock.setTimer(
    () => {
      active = false;
      closing.settleIfIdle();
    },
    20,
    { keepAlive: false },
  );
  await closing.close();
  report();
} else if (how === 'await') {
  await closing.close({ withinMs: Number(withinMs) });
  report();
} else {
  closing.close({ withinMs: Number(withinMs) }).then(report);
}
