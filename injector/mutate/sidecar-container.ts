import type { InjectorConfig } from "../config/installation.ts";
import { variablesOf } from "../config/variables.ts";
import type { Assigned } from "./assigned.ts";
import type { IdentityIntent } from "../decide/identities.ts";
import { sidecarIdentityMount, sidecarTokenFile } from "../model/identity-volumes.ts";
import { type Container, type EnvVar, literal, fieldVar, secretVar } from "../model/pod.ts";
import { noApiTokenMount } from "../model/no-api-token.ts";
import { inFile } from "../model/token-mode.ts";
import { SESSION_SECONDS, type Identity, type Step } from "../../sidecar/contract/session.ts";
import { podFieldsIn } from "../../sidecar/kit/pod-fields.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";
import { CONTAINER, COMMAND } from "../../sidecar/contract/pod.ts";
import { ownContainer, ownSecurity } from "./own-container.ts";
import { withoutDefaults } from "./own-env.ts";
import { ENV, NO_GUARD } from "../../sidecar/contract/env.ts";
import { imdsEnv } from "./imds-env.ts";
import type { Intent, SidecarIntent } from "../decide/intent.ts";

/**
 * @param hashOf the SHA-256, in hex, of the token in the variable of an identity's containers, if they have one; the token itself
 *   is for them alone
 */
export function sidecarContainer(
  config: InjectorConfig,
  intent: Intent,
  sidecar: SidecarIntent,
  hashOf: (identity: IdentityIntent) => string | undefined,
  { uid, gid }: Pick<Assigned, "uid" | "gid">,
): Container {
  const kind = SOURCE_KINDS[sidecar.source];
  const hasFiles = inFile(sidecar.token);
  const identities = sidecar.identities.map((identity, index): Identity => {
    const tokenSha256 = hashOf(identity);
    return {
      name: identity.name,
      ...(hasFiles ? { tokenFile: sidecarTokenFile(index) } : {}),
      ...(tokenSha256 === undefined ? {} : { tokenSha256 }),
      steps: kind.callsSts ? written(identity.steps) : [{ roleArn: identity.role }],
    };
  });
  const identitiesText = JSON.stringify(identities);
  const volumeMounts = [
    ...(kind.volume === undefined ? [] : [kind.volume.mount]),
    ...(hasFiles ? identities.map((_, index) => sidecarIdentityMount(index)) : []),
    noApiTokenMount,
  ];
  return {
    name: CONTAINER.sidecar,
    ...ownContainer(config),
    command: [...COMMAND.serve],
    restartPolicy: "Always",
    env: withoutDefaults([
      literal(ENV.source, sidecar.source),
      literal(ENV.identities, identitiesText),
      ...(kind.callsSts ? stsEnv(sidecar, config) : []),
      ...variablesOf("sidecar", config)
        .filter(([name]) => !(kind.callsSts ? BROKER_ONLY : STS_ONLY).has(name))
        .map(([name, value]) => literal(name, value)),
      ...kind.env(config),
      literal(ENV.blockedAddresses, intent.guard ? config.block.join(",") : NO_GUARD),
      ...(intent.guard === undefined ? [] : [literal(ENV.guard, intent.guard)]),
      ...(intent.imds === undefined ? [] : imdsEnv(intent.imds, sidecar, config)),
      literal(ENV.start, sidecar.start),
      ...(kind.callsSts ? podFieldsIn(sidecar.sessionName, identitiesText) : []).map(({ variable, path }) =>
        fieldVar(variable, path),
      ),
      fieldVar(ENV.podUid, "metadata.uid"),
    ]),
    lifecycle: { postStart: { exec: { command: [...COMMAND.wait] } } },
    resources: intent.resources[CONTAINER.sidecar],
    securityContext: ownSecurity(uid, gid, { drop: ["ALL"] }),
    volumeMounts,
  };
}

const BROKER_ONLY: ReadonlySet<string> = new Set([ENV.brokerUrl, ENV.brokerCa]);
const STS_ONLY: ReadonlySet<string> = new Set([ENV.stsCa]);

const stsEnv = (sidecar: SidecarIntent, config: InjectorConfig): readonly EnvVar[] => [
  literal(ENV.sessionName, sidecar.sessionName),
  literal(ENV.region, sidecar.stsRegion),
  literal(ENV.stsEndpoint, sidecar.stsEndpoint),
  ...proxyEnv(sidecar.stsProxy, config.stsProxySecret),
];

/** User and password come from a Secret, so that whoever may only read pods does not see them. */
const proxyEnv = (proxy: string | undefined, secret: string | undefined): readonly EnvVar[] => [
  ...(proxy === undefined ? [] : [literal(ENV.stsProxy, proxy)]),
  ...(proxy === undefined || secret === undefined
    ? []
    : [
        secretVar(ENV.stsProxyUsername, secret, "username"),
        secretVar(ENV.stsProxyPassword, secret, "password"),
      ]),
];

const written = (steps: readonly Step[]): readonly Step[] =>
  steps.map((step, at, { length }) => (at === length - 1 ? withoutUsualDuration(step) : step));

function withoutUsualDuration({ durationSeconds, ...step }: Step): Step {
  return durationSeconds === undefined || durationSeconds === SESSION_SECONDS
    ? step
    : { ...step, durationSeconds };
}
