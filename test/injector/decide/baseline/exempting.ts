import type { Container, Pod } from "../../../../injector/model/pod.ts";
import type { Facts } from "../../../../injector/model/facts.ts";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { facts } from "../../../support/facts.ts";
import { admitted, app, plainPod } from "../../../support/pods.ts";

/** Namespaces with exemptions, and pods that need them. */

export const exempting = (exempt: string): Facts => facts({ annotations: { [ANNOTATION.exempt]: exempt } });
export const invalid = (exempt: string): readonly string[] =>
  admitted(plainPod(), exempting(exempt)).findings.map(({ code, message }) => `${code} ${message}`);

export const mounting = (path: string, readOnly: boolean, over: Partial<Container> = {}): Pod =>
  plainPod({
    volumes: [{ name: "node", hostPath: { path } }],
    containers: [{ ...app, volumeMounts: [{ name: "node", mountPath: "/node", readOnly }], ...over }],
  });
export const reading = (path: string): Pod => mounting(path, true);
export const writing = (path: string): Pod => mounting(path, false);
