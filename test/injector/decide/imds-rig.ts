import type { Container, Pod } from "../../../injector/model/pod.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { app, containerNamed, envOf, pod } from "../../support/pods.ts";

export const EMULATE = { [ANNOTATION.imds]: "emulate" };
export const allowing = config({ imds: "allow-emulate" });
export const allowingV1 = config({ imds: "allow-emulate-v1" });
export const asking = (
  annotations: Readonly<Record<string, string>> = {},
  containers: readonly Container[] = [app],
) => pod({ containers }, { [ANNOTATION.role]: BILLING, ...EMULATE, ...annotations });
export const namespace = (annotations: Readonly<Record<string, string>>) => facts({ annotations });
export const isEmulated = (one: Pod): boolean =>
  [CONTAINER.guard, CONTAINER.sidecar].every(
    (name) => envOf(containerNamed(one, name))[ENV.imds] === "emulate",
  );
