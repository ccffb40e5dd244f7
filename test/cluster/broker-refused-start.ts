import { beforeAll, expect, test } from "vitest";
import type { BrokerCluster } from "./broker-rig.ts";
import { ROLES } from "./broker-sts.ts";
import type { PodProcess } from "./pod-process.ts";

/** A pod that is refused from its start on. It gives up after ten seconds, while the tests before this one run. */
export function brokerRefusedStart(cluster: () => BrokerCluster): void {
  let running: PodProcess;
  beforeAll(async () => {
    running = await cluster().run(await cluster().pod("shop", "starting", "distrusting"));
  });

  test("a pod that STS refuses from the start ends with the broker's words, which kubectl describe shows", async () => {
    expect(await running.sidecar.exited).toBe(1);
    const message = await running.termination();
    expect(message).toContain("AccessDenied");
    expect(message).toContain(`${ROLES}distrusting`);
    expect(message).toMatch(/trust policy/);
  });
}
