import { expect, test } from "vitest";
import { controllerMetrics } from "../../../injector/controller/metrics.ts";
import { CA_SECRET, controller, DAY, TLS_SECRET, withSettings } from "./broker-rig.ts";
import { handClock } from "../../support/hand-clock.ts";

const seconds = (ms: number): number => Math.round(ms / 1000);

test("the controller's metrics say of the broker's CAs when they were made and end, and how often one was lost", async () => {
  const metrics = controllerMetrics("1.2.3", () => []);
  const [api, clock] = [withSettings(), handClock()];
  const keeps = controller(api, clock, [], metrics.broker);
  expect(metrics.text()).not.toContain("podrole_controller_broker_ca_lost_total 0");
  const first = clock.now();
  await keeps.round();
  expect(metrics.text()).toContain(`
podrole_controller_broker_actions_total{action="create"} 1
podrole_controller_broker_actions_total{action="publish"} 1
podrole_controller_broker_actions_total{action="issue"} 1
`);
  expect(metrics.text()).toContain("\npodrole_controller_broker_ca_lost_total 0\n");
  clock.jump(DAY);
  const second = clock.now();
  api.set(CA_SECRET, undefined);
  await keeps.round();
  // The broker goes on by its old certificate.
  expect(metrics.text()).toContain(`
podrole_controller_broker_ca_made_timestamp_seconds{ca="served"} ${seconds(first)}
podrole_controller_broker_ca_made_timestamp_seconds{ca="current"} ${seconds(second)}
`);
  expect(metrics.text()).toContain("\npodrole_controller_broker_ca_lost_total 1\n");
  api.set(TLS_SECRET, undefined);
  await keeps.round();
  expect(metrics.text()).toContain(`
podrole_controller_broker_ca_not_after_timestamp_seconds{ca="served"} ${seconds(second + 3650 * DAY)}
podrole_controller_broker_ca_not_after_timestamp_seconds{ca="current"} ${seconds(second + 3650 * DAY)}
`);
});
