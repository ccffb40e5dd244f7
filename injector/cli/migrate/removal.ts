import type { Source } from "../../../sidecar/contract/session.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import type { Origin } from "./from/origin.ts";
import type { Step } from "./step.ts";

/** As whom podrole calls STS. */
export interface Caller extends Pick<InjectorConfig, "source" | "sourceOverride" | "hubRole"> {
  readonly principal: string | undefined;
}

/** The end of the tool. What roles trust for it may be what they have to trust for podrole. */
export const removal = ({ name, found }: Origin, caller: Caller): Step => ({
  title: `Remove ${name}`,
  about: [
    `Do it in the way it was installed${found.length === 0 ? "" : ` (${found.join(", ")})`}, when no pod needs it any more.`,
    ...trustAfter(name, caller),
  ],
  commands: [],
  back: [],
});

function trustAfter(tool: string, { source, sourceOverride, hubRole, principal }: Caller): readonly string[] {
  const sources = new Set([source, ...sourceOverride]);
  // Its sidecars call as the tool did.
  if (sources.has("node")) return [];
  const called = (by: Source, unknown: string, what: string): readonly string[] =>
    sources.has(by) ? [by === source && principal !== undefined ? `${principal}, ${what}` : unknown] : [];
  const kept = [
    ...called("broker", "the broker's own role or user", "which the broker is"),
    ...called("ambient", "the one whose keys the pods have", "whose keys the pods have"),
    ...(hubRole === undefined ? [] : [`${hubRole}, which is the hub role`]),
  ];
  const but = kept.length === 0 ? "" : `, but not ${kept.join(", and not ")}`;
  return [
    `Then remove from the roles' trust policies whom ${tool} needed there${but}. As long as a node's role stays there, a compromised node can assume the roles.`,
  ];
}
