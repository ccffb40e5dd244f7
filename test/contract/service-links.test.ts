import { describe, expect, test } from "vitest";
import { parseConfig } from "../../sidecar/config/config.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { IMDS_FACTS, imdsFactVariable, type ImdsFact } from "../../sidecar/contract/metadata.ts";
import { APP_ENV, CONTAINER } from "../../sidecar/contract/pod.ts";
import { parseGuardConfig } from "../../sidecar/guard/config.ts";
import { config } from "../support/config.ts";
import { BILLING, facts } from "../support/facts.ts";
import { startedWith } from "../support/kubelet.ts";
import { injected, pod } from "../support/pods.ts";
import { canBeMadeByAService, LIKE_OURS, serviceLinks } from "../support/service-links.ts";

/** The kubelet sets variables for each Service of the pod's namespace, so a tenant chooses their names. */

const OURS = [
  ...Object.values(ENV),
  ...Object.values(APP_ENV),
  ...Object.keys(IMDS_FACTS).map((fact) => imdsFactVariable(fact as ImdsFact)),
];

test("no Service can make a variable of the contract", () => {
  expect(OURS.filter(canBeMadeByAService)).toEqual([]);
});

test("every variable that the kubelet makes of a Service is recognised as one", () => {
  const made = Object.keys(serviceLinks(...LIKE_OURS));
  expect(made).toContain("PODROLE_IMDS_PORT");
  expect(made.filter((name) => !canBeMadeByAService(name))).toEqual([]);
});

describe.for(["block", "emulate"] as const)("with the metadata service on %s", (imds) => {
  const one = pod({}, { [ANNOTATION.role]: BILLING, [ANNOTATION.imds]: imds });
  const after = injected(one, facts(), config({ policy: "off", imds: "allow-emulate" }));
  const links = serviceLinks(...LIKE_OURS);

  test("the guard reads the same configuration, whatever Services the namespace has", () => {
    const env = startedWith(after, CONTAINER.guard);
    expect(parseGuardConfig({ ...links, ...env })).toEqual(parseGuardConfig(env));
  });

  test("the sidecar reads the same configuration, whatever Services the namespace has", () => {
    const env = startedWith(after, CONTAINER.sidecar);
    expect(parseConfig({ ...links, ...env })).toEqual(parseConfig(env));
  });
});
