import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { holds, informerRig, object, PATH, watched } from "../../support/informer-rig.ts";

test("an informer does not treat a watch as silent while events arrive", async () => {
  const one = await informerRig(() => {}, {}, { silenceMs: 3000 });
  await watched(one);
  for (let n = 0; n < 12; n += 1) {
    await delay(500);
    one.server.put(PATH, object("a", `shade-${n}`));
  }
  await holds(one, "a=shade-11");
  expect(one.server.requests).toEqual([`LIST ${PATH}`, `WATCH ${PATH} 100`]);
});
