import { expect, onTestFinished, test } from "vitest";
import { MINUTE, SECOND, world } from "../../simulate/timeline.ts";

/** `npm run simulate:broker` with a few pods. */
async function simulated(count: number) {
  const made = await world(count);
  onTestFinished(made.close);
  made.pods.start(MINUTE);
  await made.pass(5 * MINUTE, "all served");
  return made;
}

test("no session expires while brokers are replaced and the API server is slow", async () => {
  const { brokers, cluster, pass, row } = await simulated(30);
  cluster.slowMs = 2000;
  for (const add of [brokers.add, brokers.add]) {
    void add();
    await pass(MINUTE);
    brokers.killOldest();
    await pass(34 * MINUTE);
  }
  expect(row()).toMatchObject({ needless: 0, figures: { "expired for want of STS": "0" } });
});

test("sessions that were just made outlive an outage of STS of fifty minutes", async () => {
  const { outage, pass, row } = await simulated(30);
  await outage(50 * MINUTE);
  await pass(5 * MINUTE);
  expect(row()).toMatchObject({ needless: 0, figures: { "expired for want of STS": "0" } });
});

test("pods start and no session expires while one of two replicas answers but does not reach STS", async () => {
  const { brokers, pods, pass, row, close } = await world(30);
  onTestFinished(close);
  brokers.cutOffOldest(true);
  pods.start(SECOND);
  await pass(30 * SECOND, "all served");
  expect(pods.unserved()).toBe(0);
  // Those of the other one do not come to STS.
  expect(row()).toMatchObject({ needless: 0, figures: { "calls to STS": "30" } });
  await pass(3 * 60 * MINUTE);
  expect(row()).toMatchObject({ needless: 0, figures: { "expired for want of STS": "0" } });
});

test("the simulation notices a session that expires without need", async () => {
  const { brokers, pass, row } = await simulated(30);
  brokers.killOldest();
  brokers.killOldest();
  await pass(70 * MINUTE);
  expect(row().needless).toBe(30);
});
