import { describe, expect, test } from "vitest";
import { decide } from "../../../injector/decide/decide.ts";
import type { AnsweredQuestion } from "../../../injector/decide/trace.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { goldens } from "../../support/goldens.ts";
import { plainPod, pod } from "../../support/pods.ts";
import type { PodDecision } from "../../../injector/decide/intent.ts";

interface Heard {
  readonly decision: PodDecision;
  readonly asked: readonly AnsweredQuestion[];
}

function heard(
  ...[object, known = facts(), settings = config(), requester]: Partial<Parameters<typeof decide>>
): Heard {
  const asked: AnsweredQuestion[] = [];
  return { decision: decide(object, known, settings, requester, (one) => asked.push(one)), asked };
}

const questions = (...args: Parameters<typeof heard>): string =>
  heard(...args)
    .asked.map(({ question }) => question)
    .join(" ");

const ALL =
  "problem labelled mirror windows settings inject role hostNetwork policy session exposed token start imds mesh baseline hazards resources";
const upTo = (question: string): string => ALL.slice(0, ALL.indexOf(question) + question.length);

describe("the trace of a decision", () => {
  test("lists every question about a pod with a role, in order", () => {
    expect(questions(pod())).toBe(ALL);
  });

  test.for([
    ["an object that is no pod", "problem", { spec: 7 }, facts(), undefined],
    [
      "a namespace without the label",
      "labelled",
      pod(),
      facts({ labels: { "podrole.dev/inject": "" } }),
      undefined,
    ],
    ["a mirror pod", "mirror", pod({}, { "kubernetes.io/config.mirror": "x" }), facts(), "system:node:a"],
    ["a pod for Windows", "windows", pod({ os: { name: "windows" } }), facts(), undefined],
  ] as const)("ends where the decision is settled: with %s", ([, last, object, known, requester]) => {
    expect(questions(object, known, config(), requester)).toBe(upTo(last));
  });

  test("continues after a reason to deny, so that one denial names everything", () => {
    const onNode = { hostNetwork: true };
    expect(questions(pod(onNode))).toBe(ALL);
    expect(questions(pod(onNode, { [ANNOTATION.role]: BILLING, [ANNOTATION.inject]: "maybe" }))).toBe(ALL);
    expect(questions(pod(onNode, { [ANNOTATION.role]: "no role" }))).toBe(
      `${upTo("hostNetwork")} imds baseline hazards resources`,
    );
  });

  test("omits questions that do not matter for a pod without a role, or one that opted out", () => {
    const rest = "imds baseline hazards resources";
    expect(questions(plainPod())).toBe(`${upTo("hostNetwork")} ${rest}`);
    expect(questions(pod({}, { [ANNOTATION.role]: BILLING, [ANNOTATION.inject]: "false" }))).toBe(
      `${upTo("inject")} hostNetwork ${rest}`,
    );
    expect(questions(plainPod(), facts(), config({ guard: "off" }))).toBe(`${upTo("hostNetwork")} imds`);
  });

  test("holds the answers that lead to the decision", () => {
    const { decision, asked } = heard(pod());
    const answer = (question: string): unknown => asked.find((one) => one.question === question)?.answer;
    expect(decision).toMatchObject({
      kind: "inject",
      intent: { sidecar: { identities: [{ role: BILLING }] } },
    });
    expect(answer("role")).toMatchObject({ kind: "role", arn: BILLING });
    expect(answer("policy")).toMatchObject({ mode: "listed", decision: { allowed: true } });
    expect(answer("settings")).toMatchObject({ source: "web-identity", guard: "block" });
    expect(answer("exposed")).toEqual(["app"]);
  });

  test("does not change the decision", async () => {
    for (const one of await goldens(new URL("../golden/", import.meta.url))) {
      const { decision } = heard(one.pod, one.facts, one.config);
      expect({ name: one.name, decision }).toEqual({
        name: one.name,
        decision: decide(one.pod, one.facts, one.config),
      });
    }
  });
});
