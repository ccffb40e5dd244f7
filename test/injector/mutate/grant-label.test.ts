import { expect, test } from "vitest";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { GRANT_LABEL, grantLabelValue } from "../../../injector/model/grant-label.ts";
import { admitPod } from "../../../injector/review/admit-pod.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts, grant } from "../../support/facts.ts";
import { pod, FRESH } from "../../support/pods.ts";

const LONG = "g".repeat(100);
const allowing = (name: string) => grant(name, { roles: [String(BILLING)], namespaces: ["*"] });

function labelled(metadata: object, grants: readonly string[]): unknown {
  const outcome = admitPod(
    { ...pod({}), metadata },
    { ...facts(), grants: grants.map(allowing) },
    config({ policy: grants.length > 0 ? "enforce" : "off" }),
    FRESH,
  );
  if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome.findings));
  return outcome.after.metadata?.labels?.[GRANT_LABEL];
}

const own = { annotations: { [ANNOTATION.role]: String(BILLING) } };

test("a pod gets the grant that allowed its role as a label", () => {
  expect(labelled(own, ["team-a"])).toBe("team-a");
  expect(labelled(own, [LONG])).toBe(grantLabelValue(LONG));
});

test("a pod gets the grant of a container's role as a label when no grant allowed its own role", () => {
  expect(labelled({ annotations: { [`${CONTAINER_ROLE_PREFIX}app`]: String(BILLING) } }, ["team-a"])).toBe(
    "team-a",
  );
});

test("a pod whose role no grant allowed gets no label", () => {
  expect(labelled(own, [])).toBeUndefined();
});

test("an existing label stays, since a workload may select its pods by it", () => {
  expect(labelled({ ...own, labels: { [GRANT_LABEL]: "mine" } }, ["team-a"])).toBe("mine");
});
