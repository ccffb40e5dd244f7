import { isRecord, own, type Fields } from "../../../injector/model/read.ts";

/**
 * Finds changes that podrole may not make to a pod (deploy/docs/design.md, "The pod that is written"). It uses neither the
 * patch nor podrole's code: it removes permitted additions from `after` and compares the rest with `before`.
 */
export function overreach(before: Fields, after: Fields): readonly string[] {
  return compared(before, after, "pod", { metadata: ofMetadata, spec: ofSpec });
}

type Compare = (before: unknown, after: unknown, at: string) => readonly string[];

const text = (value: unknown): string => JSON.stringify(value) ?? "absent";

const equal: Compare = (before, after, at) => (text(before) === text(after) ? [] : [at]);

/** Compares every key of both sides: by its own rule if it has one, else for equality. */
function compared(
  before: unknown,
  after: unknown,
  at: string,
  rules: Readonly<Record<string, Compare>>,
): readonly string[] {
  if (!isRecord(after)) return equal(before, after, at);
  // Kubernetes treats null like absent. A value where there was none is an addition.
  const was: Fields = isRecord(before) ? before : {};
  const keys = [...new Set([...Object.keys(was), ...Object.keys(after)])];
  // Existing keys keep their order.
  const kept = Object.keys(after).filter((key) => Object.hasOwn(was, key));
  return [
    ...equal(Object.keys(was), kept, `${at}, its keys`),
    ...keys.flatMap((key) =>
      ((own(rules, key) as Compare | undefined) ?? equal)(own(was, key), own(after, key), `${at}.${key}`),
    ),
  ];
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const nameOf = (value: unknown): unknown => (isRecord(value) ? own(value, "name") : undefined);
const isOurs = (value: unknown): boolean => String(nameOf(value)).startsWith("podrole-");

/** The old list, each entry compared by the rule, followed only by entries that `added` permits. */
const extended =
  (rule: Compare, added: (entry: unknown) => boolean): Compare =>
  (before, after, at) => {
    const [was, is] = [list(before), list(after)];
    const extra = is.slice(was.length).filter((entry) => !added(entry));
    return [
      ...was.flatMap((entry, index) => rule(entry, is[index], `${at}[${index}]`)),
      ...extra.map((entry) => `${at}: ${text(entry)}`),
    ];
  };

const ADDED_ENV = /^AWS_|^(?:NO_PROXY|no_proxy)$/;
const ADDED_ANNOTATION = ["podrole.dev/status", "kubectl.kubernetes.io/default-container"];
const SKIP = "eks.amazonaws.com/skip-containers";
const DROPPED = new Set<unknown>(["NET_RAW", "SETUID", "SETGID"]);

const ofVariable: Compare = (before, after, at) =>
  compared(before, after, at, {
    value: (was, is, where) =>
      /^no_proxy$/i.test(String(nameOf(before))) &&
      typeof is === "string" &&
      is.startsWith(typeof was === "string" ? was : "")
        ? []
        : equal(was, is, where),
  });

const isTokenMount = (entry: unknown): boolean =>
  isRecord(entry) &&
  isOurs(entry) &&
  own(entry, "mountPath") === "/var/run/secrets/podrole.dev/credentials" &&
  own(entry, "readOnly") === true &&
  Object.keys(entry).length === 3;

const ofContainer: Compare = (before, after, at) =>
  compared(before, after, at, {
    env: extended(ofVariable, (entry) => ADDED_ENV.test(String(nameOf(entry)))),
    volumeMounts: extended(equal, isTokenMount),
    securityContext: (was, is, where) =>
      compared(was, is, where, {
        allowPrivilegeEscalation: (old, now, there) =>
          now === false && old == null ? [] : equal(old, now, there),
        capabilities: (old, now, there) =>
          compared(old, now, there, { drop: extended(equal, (entry) => DROPPED.has(entry)) }),
      }),
  });

const ofSpec: Compare = (before, after, at) =>
  compared(before, after, at, {
    initContainers: (was, is, where) =>
      extended(ofContainer, () => false)(
        was,
        list(is).filter((one) => !isOurs(one)),
        where,
      ),
    containers: extended(ofContainer, () => false),
    volumes: extended(equal, isOurs),
  });

const ofMetadata: Compare = (before, after, at) =>
  compared(before, after, at, {
    annotations: (was, is, where) =>
      compared(was, is, where, {
        ...Object.fromEntries(ADDED_ANNOTATION.map((key) => [key, () => []])),
        [SKIP]: (old, now, there) =>
          typeof now === "string" && now.startsWith(typeof old === "string" ? old : "")
            ? []
            : equal(old, now, there),
      }),
  });
