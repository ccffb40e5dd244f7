import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { containerIdentity, POD_IDENTITY, type Identity } from "../../../sidecar/contract/session.ts";
import { APP_ENV, CONTAINER, CREDENTIALS_PORT, PATH, SIDECAR_UIDS } from "../../../sidecar/contract/pod.ts";
import { patchBetween } from "../../../injector/mutate/patch.ts";
import {
  gidOfSidecar,
  guardModeIn,
  isGuarding,
  sidecarIn,
  uidOfSidecar,
} from "../../../injector/model/own-form.ts";
import { envVar, type Container, type Pod } from "../../../injector/model/pod.ts";
import { sha256 } from "../../../injector/mutate/token.ts";
import { facts } from "../../support/facts.ts";
import { TOKEN } from "../../support/pods.ts";
import { pods } from "./arbitraries.ts";
import { injectorNamed, someInjectors } from "./injectors.ts";
import { afterPass, OTHER_TOKEN, pass, settings } from "./settings.ts";

/**
 * Other webhooks run before and after podrole, and podrole runs again (`reinvocationPolicy: IfNeeded`). In every order, the
 * final pod has the guard first, the sidecar second, and nothing twice.
 */

const PODROLE = "podrole";
const URI = `http://127.0.0.1:${CREDENTIALS_PORT}${PATH.credentials}`;
const account = { [ANNOTATION.serviceAccountRole]: "arn:aws:iam::111122223333:role/irsa" };
const around = facts({ account });

/** The API server's two rounds: all webhooks in order, then again those with `IfNeeded`. */
const rounds = fc
  .tuple(
    someInjectors,
    fc.nat({ max: 6 }),
    fc.subarray(["istio", "linkerd", "vault", "irsa", "tracing", "builtIn"]),
  )
  .map(([others, at, again]) => {
    const first = others.toSpliced(at, 0, PODROLE);
    return [...first, ...first.filter((name) => name === PODROLE || again.includes(name))];
  });

function run(start: Pod, order: readonly string[], name: string): Pod {
  let pod = start;
  for (const [index, who] of order.entries()) {
    if (who !== PODROLE) {
      pod = injectorNamed(who).inject(pod);
      continue;
    }
    const outcome = pass(pod, name, index === 0 ? TOKEN : OTHER_TOKEN, around);
    if (outcome.kind !== "inject") throw new Error(`${outcome.kind}: ${JSON.stringify(outcome.findings)}`);
    pod = outcome.after;
  }
  return pod;
}

/** Guard and sidecar, be they two containers or one: that depends on the uids of the others. */
const partsOf = ({ spec }: Pod): object => ({
  guards: (spec.initContainers ?? []).filter(isGuarding).length,
  sidecars: named(spec.initContainers).filter((name) => name === CONTAINER.sidecar).length,
});
const named = (containers: readonly Container[] | null | undefined): readonly string[] =>
  (containers ?? []).map(({ name }) => name);
const isOurs = (name: string): boolean => name.startsWith("podrole-");
const countOf = <T>(all: readonly T[], one: T): number => all.filter((other) => other === one).length;

test("guard and sidecar come first, once each, and cover every container after other injectors in any order and podrole again", () => {
  let ran = 0;
  fc.assert(
    fc.property(pods, settings, rounds, (object, name, order) => {
      const alone = afterPass(object, name, TOKEN, around);
      if (alone === undefined) return;
      ran += 1;
      const start = object as unknown as Pod;
      const end = run(start, order, name);
      const init = named(end.spec.initContainers);
      const users = [...(end.spec.initContainers ?? []), ...end.spec.containers].filter(
        (container) => !isOurs(container.name),
      );

      const ours = init.filter(isOurs);
      expect(init.slice(0, ours.length)).toEqual(ours);
      expect([...init, ...named(end.spec.containers)].filter(isOurs)).toEqual(ours);
      expect(ours, "the guard first").toEqual(ours.toSorted());
      expect(partsOf(end)).toEqual(partsOf(alone));

      const added = order.flatMap((who) => (who === PODROLE ? [] : injectorNamed(who).adds));
      for (const one of added) expect(countOf(named(users), one)).toBe(1);
      const others = new Set(added);
      expect(named(users).filter((one) => !others.has(one))).toEqual([
        ...named(start.spec.initContainers),
        ...named(start.spec.containers),
      ]);

      const volumes = (end.spec.volumes ?? []).map((volume) => volume.name);
      const wanted = (alone.spec.volumes ?? []).map((volume) => volume.name).filter(isOurs);
      expect(volumes.filter(isOurs)).toEqual(wanted);

      const bare = users.filter((container) => !isConfined(container));
      expect((end.spec.initContainers ?? []).some(isGuarding) ? bare : []).toEqual([]);
      expect(uidsOf(end, users)).not.toContain(uidIn(end));
      expect(gidIn(end)).toBe(uidIn(end) && (meshGid(named(users)) ?? uidIn(end)));
      expect(verifierOf(end)).toEqual(
        guardModeIn(end.spec) === "verify"
          ? idsBeside(uidIn(end) ?? SIDECAR_UIDS.min, named(users))
          : undefined,
      );
      expect(ours.includes(CONTAINER.sidecar) ? tokenProblems(end, users) : []).toEqual([]);
      expect(patchBetween(end, run(end, [PODROLE], name))).toEqual([]);
    }),
    { numRuns: 500 },
  );
  expect(ran).toBeGreaterThan(100);
});

const ENDPOINT: ReadonlySet<string> = new Set([APP_ENV.fullUri, APP_ENV.tokenFile, APP_ENV.token]);
const FOLDER = "/var/run/secrets/podrole.dev/credentials";
const FILE = `${FOLDER}/token`;

/** Whether podrole wrote the value, in any pass. */
const isGiven = (value: string | null): boolean =>
  value === URI || value === FILE || [TOKEN, OTHER_TOKEN].some((token) => value?.slice(2) === token.slice(2));

function uidIn({ spec }: Pod): number | undefined {
  const sidecar = sidecarIn(spec);
  return sidecar && uidOfSidecar(sidecar);
}

function gidIn({ spec }: Pod): number | undefined {
  const sidecar = sidecarIn(spec);
  return sidecar && (gidOfSidecar(sidecar) ?? uidOfSidecar(sidecar));
}

interface Ids {
  readonly uid: number | null | undefined;
  readonly gid: number | null | undefined;
}

/** The ids of a guard that verifies, which has to get past a mesh's redirect. */
function verifierOf({ spec }: Pod): Ids | undefined {
  const { securityContext } = (spec.initContainers ?? []).find(isGuarding) ?? {};
  return guardModeIn(spec) === "verify"
    ? { uid: securityContext?.runAsUser, gid: securityContext?.runAsGroup }
    : undefined;
}

const idsBeside = (uid: number, users: readonly string[]): Ids => ({ uid, gid: meshGid(users) ?? uid });

/** The group that gets past the redirect of the mesh whose proxy is among the containers; Istio's if there are both. */
const meshGid = (names: readonly string[]): number | undefined =>
  names.includes("istio-proxy") ? 1337 : names.includes("linkerd-proxy") ? 2102 : undefined;

function identitiesOf(pod: Pod): readonly Identity[] {
  const sidecar = pod.spec.initContainers?.find(({ name }) => name === CONTAINER.sidecar);
  return JSON.parse((sidecar && envVar(sidecar, ENV.identities)?.value) ?? "[]") as readonly Identity[];
}

/** The uids of containers, as far as the pod says them. */
const uidsOf = ({ spec }: Pod, users: readonly Container[]): readonly number[] =>
  users.flatMap(({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser ?? []);

const isConfined = ({ securityContext }: Container): boolean => {
  const drop = securityContext?.capabilities?.drop ?? [];
  return drop.includes("NET_RAW") || drop.includes("ALL");
};

/**
 * A container has the token of its own identity if an annotation gives it a role, else of the pod's: in the variable, whose hash
 * the sidecar holds, and in the file, which the sidecar has too.
 */
function tokenProblems(end: Pod, users: readonly Container[]): readonly string[] {
  const identities = identitiesOf(end);
  const lists = [ANNOTATION.skipContainers, ANNOTATION.irsaSkipContainers].map((key) =>
    (end.metadata?.annotations?.[key] ?? "").split(","),
  );
  return users.flatMap(({ name, env, volumeMounts }) => {
    const hasRole = end.metadata?.annotations?.[`${CONTAINER_ROLE_PREFIX}${name}`] != null;
    const index = identities.findIndex(
      (one) => one.name === (hasRole ? containerIdentity(name) : POD_IDENTITY),
    );
    const [skipped, byIrsa] = lists.map((names) => names.includes(name));
    const identity = skipped === true || (byIrsa === true && !hasRole) ? undefined : identities[index];
    const present = (env ?? []).filter((one) => ENDPOINT.has(one.name));
    const given = present.flatMap(({ value = "" }) => (isGiven(value) ? [value] : []));
    // podrole sets none of the variables in a container whose user has set one of them.
    const isUsers = given.length < present.length;
    const due =
      identity === undefined || isUsers
        ? []
        : [
            URI,
            ...(identity.tokenFile === undefined ? [] : [FILE]),
            ...(identity.tokenSha256 === undefined ? [] : ["token"]),
          ];
    const written = given.map((value) => (sha256(value) === identity?.tokenSha256 ? "token" : value));
    const mounts = (volumeMounts ?? []).filter((one) => isOurs(one.name));
    const mount = { name: `podrole-identity-${index}`, mountPath: FOLDER, readOnly: true };
    return isDeepStrictEqual([written, mounts], [due, due.includes(FILE) ? [mount] : []])
      ? []
      : [`${name}: ${JSON.stringify([given, mounts])}`];
  });
}
