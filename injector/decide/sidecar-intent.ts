import { type StartMode, START_MODES } from "../../sidecar/contract/env.ts";
import { serviceAccountOf, type Pod } from "../model/pod.ts";
import { decideAudience } from "./audience.ts";
import { intendToken } from "./token.ts";
import { type IdentitiesInput, intendIdentities } from "./identities.ts";
import type { ContainerRole } from "./container-roles.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { stsEndpointOf } from "../config/sts-endpoint.ts";
import { stsProxyOf } from "../config/sts-proxy.ts";
import type { Observe } from "./trace.ts";
import type { SidecarIntent } from "./intent.ts";
import { type Finding, finding } from "../model/findings.ts";
import { sessionRequest } from "./session.ts";
import { decideSessionName } from "./session-name.ts";
import { exposedContainers } from "./exposure.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { fallbackRegion } from "../model/arn.ts";
import type { Facts } from "../model/facts.ts";

const isStartMode = (raw: string): raw is StartMode => (START_MODES as readonly string[]).includes(raw);

/** The sidecar's configuration, or the findings that prevent one. */
export function intendSidecar(
  pod: Pod,
  roles: { readonly podRole: IdentitiesInput["podRole"]; readonly containers: readonly ContainerRole[] },
  facts: Facts,
  config: InjectorConfig,
  observe: Observe,
): { readonly intent: SidecarIntent | undefined; readonly findings: readonly Finding[] } {
  const annotations = pod.metadata?.annotations ?? {};
  const { request, nameKey, findings: requestProblems } = sessionRequest(annotations, config);
  const { podRole, containers } = roles;
  const sessionName = decideSessionName({
    template: request.sessionName,
    key: nameKey,
    roles: [...(podRole ? [podRole] : []), ...containers.map(({ resolved }) => resolved)].map(
      ({ arn }) => arn,
    ),
    facts,
    serviceAccount: serviceAccountOf(pod),
    config,
  });
  const { exposed, findings: exposureProblems } = exposedContainers(pod, config.keys);
  const { identities, findings: identityProblems } = intendIdentities(
    { pod, ...roles, exposed, request, sessionName, requestProblems, facts, config },
    observe,
  );
  observe("exposed", exposed);
  const { mode: token, findings: tokenProblems } = observe("token", intendToken(pod, identities, config));
  const { audience, findings: audienceProblems } = decideAudience(facts, config);
  const findings = [
    ...identityProblems,
    ...audienceProblems,
    ...requestProblems,
    ...sessionName.findings,
    ...exposureProblems,
    ...tokenProblems,
  ];
  const start = observe("start", annotations[ANNOTATION.start] ?? config.start);
  if (!isStartMode(start)) {
    const message = `The annotation ${ANNOTATION.start} is ${JSON.stringify(start.slice(0, 60))}.`;
    findings.push(finding("ANNOTATION_INVALID", message, `Set it to ${START_MODES.join(" or ")}.`));
    return { intent: undefined, findings };
  }
  const [first] = identities;
  if (first === undefined) return { intent: undefined, findings };
  const stsRegion = request.region ?? fallbackRegion(first.role);
  const stsEndpoint = stsEndpointOf(stsRegion, config);
  const intent: SidecarIntent = {
    identities,
    source: config.source,
    audience,
    sessionName: request.sessionName,
    stsRegion,
    stsEndpoint,
    stsProxy: stsProxyOf(stsEndpoint, config),
    region: request.region,
    start,
    token,
  };
  return { intent, findings };
}
