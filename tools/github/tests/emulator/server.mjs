// A stateful GitHub on a port of its own, whose clock stands where the test has put it.
//
// node server.mjs SEED: prints its address; every line of its input is a new time, answered with
// "ok"; it ends with its input.
import { createInterface } from 'node:readline';
import { createEmulator } from 'emulate';

const Real = Date;
let now = Real.now();
globalThis.Date = class extends Real {
  constructor(...given) {
    super(...(given.length ? given : [now]));
  }

  static now() {
    return now;
  }
};

const github = await createEmulator({ service: 'github', port: 0, seed: JSON.parse(process.argv[2]) });
console.log(github.url);
for await (const line of createInterface({ input: process.stdin })) {
  now = Real.parse(line);
  console.log('ok');
}
process.exit(0); // closing would wait for connections that are kept alive
