const NO_RETRY = new Set([4401, 4403]);
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 15_000;

/**
 * Keeps a subscription to the server's snapshots: connects, says hello, subscribes, and does so again when the socket is lost.
 * The token lives in this closure only.
 */
export function createFeed({ onSnapshot, onState }) {
  let token;
  let delayMs = FIRST_DELAY_MS;
  let timer;
  let current;

  function connect() {
    clearTimeout(timer);
    current?.close(1000);
    onState('connecting');
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/ws`, 'exai.v1');
    current = socket;
    const send = (frame) => socket.send(JSON.stringify(frame));
    let isWelcome = false;

    socket.addEventListener('open', () =>
      send({
        type: 'hello',
        version: 'exai.v1',
        client: { name: 'live-page', version: '1' },
        ...(token ? { token } : {}),
      }),
    );
    socket.addEventListener('message', ({ data }) => {
      if (socket !== current) return;
      const frame = JSON.parse(data);
      if (frame.type === 'welcome') {
        isWelcome = true;
        delayMs = FIRST_DELAY_MS;
        onState('live');
        send({ type: 'subscribe', id: 'page', intervalMs: 1000 });
      } else if (frame.type === 'snapshot') onSnapshot(frame.snapshot);
      else if (frame.type === 'goaway') onState('draining');
      if (frame.seq !== undefined) send({ type: 'ack', seq: frame.seq });
    });
    socket.addEventListener('close', ({ code }) => {
      if (socket !== current) return;
      if (NO_RETRY.has(code)) {
        onState('token', isWelcome || token !== undefined);
        return;
      }
      onState('lost');
      timer = setTimeout(connect, delayMs * (0.5 + Math.random()));
      delayMs = Math.min(MAX_DELAY_MS, delayMs * 2);
    });
  }

  connect();
  return {
    login(given) {
      token = given;
      connect();
    },
  };
}
