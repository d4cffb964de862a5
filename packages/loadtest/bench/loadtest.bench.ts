import { addBars, allBars } from './bars.ts';
import { buildClient, installPeers, judgeArtillery, measureArtillery, measureHttp, measureWs } from './clients.ts';
import { accuracyTest, permitTests, stallTest } from './known-times.ts';
import { simulate, startPeer } from './peer.ts';

const flags = process.argv.slice(2);
const isFull = flags.includes('--full');
const started = performance.now();
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(0);
const note = (what: string): void => console.log(`     ${what} at ${seconds()} s`);

buildClient();
installPeers();
const peer = await startPeer();
// What measures processor time has the machine for itself, one after another.
note('clients over WebSocket');
measureWs(peer);
note('clients over HTTP');
measureHttp(peer);
note('artillery');
const artillery = await measureArtillery(peer);
// What follows mostly waits, as artillery now does for its telemetry.
note('a stall, beside the simulations');
const simulated = Promise.all([simulate('memory', flags), simulate('verdicts', flags)]);
await stallTest(peer);
for (const bars of await simulated) addBars(bars);
note('known times');
await accuracyTest(peer);
await permitTests(peer);
judgeArtillery(await artillery.cost);
peer.child.disconnect();

const bars = allBars();
const isOk = bars.every(({ ok }) => ok);
console.log(
  `${bars.filter(({ ok }) => ok).length} of ${bars.length} bars hold, ${seconds()} s, Node ${process.version}${isFull ? '' : ', quick (add -- --full for the figures of a note)'}`,
);
console.log(JSON.stringify({ bench: 'loadtest', node: process.version, bars }));
process.exit(isOk ? 0 : 1);
