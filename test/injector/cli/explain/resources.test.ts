import { expect, test } from "vitest";
import { explain } from "../../../../injector/cli/explain/explanation.ts";
import { config } from "../../../support/config.ts";
import { facts } from "../../../support/facts.ts";
import { injected, pod } from "../../../support/pods.ts";

const settings = config({ guardContainer: "sidecar" });

test.for([
  ["of one container", pod()],
  ["of both, where the kubelet lets only root read the token", pod({ securityContext: { fsGroup: 0 } })],
] as const)("explain tells the amounts %s, as they are in the pod", ([, asked]) => {
  const { steps } = explain({ ...asked }, facts(), settings, { where: "input", assumptions: [] });
  const told = steps.find(({ id }) => id === "resources")?.answer ?? "";
  const names = injected(asked, facts(), settings).spec.initContainers?.map(({ name }) => name) ?? [];
  expect(told.match(/podrole-\w+/g)).toEqual(names);
});
