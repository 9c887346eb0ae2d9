// A wire between a client and the server that can be cut.

import { createServer, connect } from 'node:net';
import { once } from 'node:events';

/** Passes connections on to the server under test until they are cut; `url` is the server by this way. */
export async function cuttable(target) {
  const { hostname, port, pathname } = new URL(target);
  const ends = new Set();
  let accepted = 0;

  const server = createServer((near) => {
    accepted += 1;
    const far = connect(Number(port), hostname);
    for (const [end, other] of [[near, far], [far, near]]) {
      ends.add(end);
      end.setNoDelay(true);
      end.pipe(other);
      end.on('error', () => other.destroy());
      end.on('close', () => {
        ends.delete(end);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${server.address().port}${pathname}`,
    websocketUrl: `ws://127.0.0.1:${server.address().port}${pathname}`,
    /** How many connections there have been. */
    get accepted() {
      return accepted;
    },
    /** Ends what is connected, without a word of either protocol; who connects again is let through. */
    cut() {
      for (const end of ends) end.resetAndDestroy();
    },
    close() {
      this.cut();
      server.close();
    },
  };
}
