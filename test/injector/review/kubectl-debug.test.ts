import { describe, expect, test } from "vitest";
import { withCopyFlags } from "../../../injector/review/kubectl-debug.ts";
import { finding } from "../../../injector/model/findings.ts";
import { facts } from "../../support/facts.ts";
import { injected, plainPod } from "../../support/pods.ts";

const found = [
  finding("EXEMPTED", "A warning.", "Look."),
  finding("CAPABILITY_FORBIDDEN", "It adds SYS_PTRACE.", "Remove it."),
  finding("HOST_NAMESPACE", "It shares processes.", "Remove that."),
];
const remediesOf = (pod: unknown, level = "privileged"): readonly (string | undefined)[] =>
  withCopyFlags(pod, facts({ labels: { "pod-security.kubernetes.io/enforce": level } }), found).map(
    ({ remedy }) => remedy,
  );
const hinted = (profile: string): string =>
  `If kubectl debug made this copy, add --share-processes=false --keep-annotations --profile=${profile}. Otherwise: Remove it.`;
const withDebugger = (name: string) => plainPod({ containers: [{ name, image: "busybox" }] });

describe("a denied copy of a pod", () => {
  test("is told the flags of kubectl debug once, with the first denial", () => {
    expect(remediesOf(withDebugger("debugger-x9lwb"))).toEqual(["Look.", hinted("baseline"), "Remove that."]);
    expect(remediesOf(withDebugger("debugger-x9lwb"), "restricted")).toContain(hinted("restricted"));
  });

  test("is known by podrole's containers without podrole's annotation, too", () => {
    const { spec } = injected(plainPod());
    expect(remediesOf({ metadata: { name: "copy" }, spec })).toContain(hinted("baseline"));
  });

  test.for([
    ["a pod of another name", withDebugger("debugger")],
    ["a pod as the webhook has left it", injected(plainPod())],
    ["no pod", "text"],
    ["a pod with no spec", {}],
  ] as const)("%s is told nothing of kubectl debug", ([, pod]) => {
    expect(remediesOf(pod)).toEqual(found.map(({ remedy }) => remedy));
  });
});
