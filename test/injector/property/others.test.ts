import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { containerIdentity, POD_IDENTITY, type Identity } from "../../../sidecar/contract/session.ts";
import { APP_ENV, CONTAINER, CREDENTIALS_PORT, PATH, TOKEN_VOLUME } from "../../../sidecar/contract/pod.ts";
import { patchBetween } from "../../../injector/mutate/patch.ts";
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

      const ours = named(alone.spec.initContainers).filter(isOurs);
      expect(init.slice(0, ours.length)).toEqual(ours);
      expect([...init, ...named(end.spec.containers)].filter(isOurs)).toEqual(ours);

      const added = order.flatMap((who) => (who === PODROLE ? [] : injectorNamed(who).adds));
      for (const one of added) expect(countOf(named(users), one)).toBe(1);
      const others = new Set(added);
      expect(named(users).filter((one) => !others.has(one))).toEqual([
        ...named(start.spec.initContainers),
        ...named(start.spec.containers),
      ]);

      const volumes = (end.spec.volumes ?? []).map((volume) => volume.name);
      const wanted = (alone.spec.volumes ?? []).filter((volume) => volume.name === TOKEN_VOLUME.name);
      expect(countOf(volumes, TOKEN_VOLUME.name)).toBe(wanted.length);

      const bare = users.filter((container) => !isConfined(container));
      expect(ours.includes(CONTAINER.guard) ? bare : []).toEqual([]);
      expect(ours.includes(CONTAINER.sidecar) ? tokenProblems(end, users) : []).toEqual([]);
      expect(patchBetween(end, run(end, [PODROLE], name))).toEqual([]);
    }),
    { numRuns: 500 },
  );
  expect(ran).toBeGreaterThan(100);
});

/** Whether podrole wrote the value, in any pass. */
const isGiven = (value: string | null): boolean =>
  value === URI || [TOKEN, OTHER_TOKEN].some((token) => value?.slice(2) === token.slice(2));

function identitiesOf(pod: Pod): readonly Identity[] {
  const sidecar = pod.spec.initContainers?.find(({ name }) => name === CONTAINER.sidecar);
  return JSON.parse((sidecar && envVar(sidecar, ENV.identities)?.value) ?? "[]") as readonly Identity[];
}

const isConfined = ({ securityContext }: Container): boolean => {
  const drop = securityContext?.capabilities?.drop ?? [];
  return drop.includes("NET_RAW") || drop.includes("ALL");
};

/**
 * A container gets exactly one token, whose hash the sidecar holds for the container's identity. That is its own identity
 * if an annotation gives it a role, else the pod's.
 */
function tokenProblems(end: Pod, users: readonly Container[]): readonly string[] {
  const hashes = new Map(identitiesOf(end).map(({ name, tokenSha256 }) => [name, tokenSha256]));
  const hashFor = (name: string): string | undefined => {
    const own = end.metadata?.annotations?.[`${CONTAINER_ROLE_PREFIX}${name}`] != null;
    return hashes.get(own ? containerIdentity(name) : POD_IDENTITY);
  };
  const skipped = end.metadata?.annotations?.[ANNOTATION.skipContainers];
  return users.flatMap(({ name, env }) => {
    const endpoint = (env ?? []).filter((one) => one.name === APP_ENV.token || one.name === APP_ENV.fullUri);
    const given = endpoint.flatMap(({ value = "" }) => (isGiven(value) ? [value] : []));
    const hash = hashFor(name);
    // podrole sets neither variable in a container whose user has set one of them.
    const due = hash === undefined || name === skipped || given.length < endpoint.length ? 0 : 2;
    const wrong = given.filter((value) => value !== URI && sha256(value) !== hash);
    return given.length === due && wrong.length === 0 ? [] : [`${name}: ${given.join()}`];
  });
}
