import { describe, expect, test } from "vitest";
import { podProblem } from "../../../injector/model/pod-shape.ts";
import { app, pod } from "../../support/pods.ts";

const each = <T>(size: number, one: (n: number) => T): readonly T[] =>
  Array.from({ length: size }, (_, n) => one(n));
const containers = (size: number) => each(size, (n) => ({ ...app, name: `c${n}` }));

describe("a pod is no pod that podrole judges if it has more than any pod can:", () => {
  test.for([
    ["1,000 containers", pod({ containers: containers(1000) }), undefined],
    ["1,001 containers", pod({ containers: containers(1001) }), "pod.spec has more than 1000 containers"],
    [
      "the same number in several lists",
      pod({ containers: containers(600), initContainers: containers(500) }),
      "pod.spec has more than 1000 containers",
    ],
    [
      "mounts",
      pod({ containers: [{ ...app, volumeMounts: each(10_000, () => ({ name: "v", mountPath: "/m" })) }] }),
      "pod.spec has more than 10000 volumes, mounts, ports and the like",
    ],
    [
      "names of hosts",
      pod({ hostAliases: [{ ip: "::1", hostnames: each(10_000, String) }] }),
      "pod.spec has more than 10000 volumes, mounts, ports and the like",
    ],
    [
      "characters in a container's name",
      pod({ containers: [{ ...app, name: "n".repeat(254) }] }),
      `a name in pod.spec is longer than 253 characters: "${"n".repeat(60)}"`,
    ],
    [
      "characters in annotations",
      pod({}, { a: "x".repeat(200_000), b: "x".repeat(65_000) }),
      "pod.metadata.annotations is longer than 262144 characters",
    ],
    [
      "10,000 variables, which no finding is about",
      pod({ containers: [{ ...app, env: each(10_000, (n) => ({ name: `V${n}` })) }] }),
      undefined,
    ],
  ] as const)("%s", ([, object, problem]) => expect(podProblem(object)).toBe(problem));
});
