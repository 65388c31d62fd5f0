// The OPAQUE package that the vault's page uses, for the tests: one JSON object a line in, one out. {"call": "client.startLogin", "with": {...}}
const { createInterface } = require("node:readline");
const opaque = require(process.argv[2]);

opaque.ready.then(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    const { call, with: given } = JSON.parse(line);
    const [side, name] = call.split(".");
    let found;
    try {
      found = { found: opaque[side][name](given) ?? null };
    } catch (error) {
      found = { error: String(error) };
    }
    process.stdout.write(JSON.stringify(found) + "\n");
  }
});
