import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { Answers } from "../../decide/trace.ts";
import type { TokenMode } from "../../model/token-mode.ts";
import { shown, type Around, type Step } from "./step.ts";

const ANSWERS: Readonly<Record<TokenMode, string>> = {
  both: "in a file and in a variable",
  file: "in a file, so the manifest has no secret",
  env: "in a variable, which the manifest shows",
};

/** How the containers get the token that opens their session. */
export function tokenStep({ mode, findings }: Answers["token"], { pod, config }: Around): Step {
  const wanted = pod.metadata?.annotations?.[ANNOTATION.token];
  const codes = [...new Set(findings.map(({ code }) => code))];
  const because = [
    `the setting token is ${config.token}`,
    ...(wanted == null ? [] : [`annotation ${ANNOTATION.token} is ${shown(wanted)}`]),
    ...(codes.length === 0 ? [] : [`${codes.join(", ")}, see the findings`]),
  ].join("; ");
  return { id: "token", question: "How do they get their token?", answer: ANSWERS[mode], because };
}
