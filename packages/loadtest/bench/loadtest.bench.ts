import { allBars } from './bars.ts';
import { buildClient, installPeers, judgeArtillery, measureArtillery, measureHttp, measureWs } from './clients.ts';
import { accuracyTest, permitTests, stallTest } from './known-times.ts';
import { startPeer } from './peer.ts';
import { gateTests, memoryTest, nullAlarms } from './simulations.ts';

const isFull = process.argv.includes('--full');
const started = performance.now();
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(0);
const note = (what: string): void => console.log(`     ${what} at ${seconds()} s`);

buildClient();
installPeers();
const peer = await startPeer();
// One after another: clients that share the machine cost each other CPU time.
await stallTest(peer);
await accuracyTest(peer);
note('permits');
await permitTests(peer);
note('clients');
measureWs(peer);
await measureHttp(peer);
note('artillery');
const artillery = await measureArtillery(peer);
note('simulations');
await nullAlarms();
await gateTests();
await memoryTest();
judgeArtillery(await artillery.cost);
peer.child.disconnect();

const bars = allBars();
const isOk = bars.every(({ ok }) => ok);
console.log(
  `${bars.filter(({ ok }) => ok).length} of ${bars.length} bars hold, ${seconds()} s, Node ${process.version}${isFull ? '' : ', quick (add -- --full for the figures of a note)'}`,
);
console.log(JSON.stringify({ bench: 'loadtest', node: process.version, bars }));
process.exit(isOk ? 0 : 1);
