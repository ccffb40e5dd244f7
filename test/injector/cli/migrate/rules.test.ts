import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { kiam } from "../../../../injector/cli/migrate/from/kiam.ts";
import { kube2iam } from "../../../../injector/cli/migrate/from/kube2iam.ts";
import type { Now, Origin } from "../../../../injector/cli/migrate/from/origin.ts";
import { decideRole } from "../../../../injector/decide/policy.ts";
import { parseBaseRoleArn, parseRoleArn } from "../../../../injector/model/arn.ts";
import { grantAllows } from "../../../../injector/model/grant.ts";
import { subjectOf } from "../../../../injector/model/role-pattern.ts";
import { config } from "../../../support/config.ts";
import { facts, grant } from "../../../support/facts.ts";
import type { KiamCase, Kube2iamCase } from "./rule-cases.ts";

/** Answers of the originals' own code: see originals.process.test.ts. */
const GOLDEN = JSON.parse(readFileSync(new URL("golden/original-answers.json", import.meta.url), "utf8")) as {
  readonly kube2iam: readonly (readonly [Kube2iamCase, string | null])[];
  readonly kiam: readonly (readonly [KiamCase, string | null])[];
};

const annotated = (key: string, value: string | null): Readonly<Record<string, string>> =>
  value === null ? {} : { [key]: value };

function ofKube2iam({ Base, DefaultRole, Format, Restricts }: Kube2iamCase): Origin {
  const flags = new Map([
    // kube2iam adds the slash that is missing, before its mapper sees the base.
    ["base-role-arn", Base],
    ["default-role", DefaultRole],
    ["namespace-restriction-format", Format],
    ["namespace-restrictions", String(Restricts)],
  ]);
  return kube2iam(flags, new Map(), []);
}

const ofKiam = ({ Base, Strict }: KiamCase): Origin =>
  kiam(
    new Map([
      ["role-base-arn", Base],
      ["disable-strict-namespace-regexp", String(!Strict)],
    ]),
    new Map(),
    [],
  );

function nowOf(origin: Origin, role: string | null, annotations: Readonly<Record<string, string>>): Now {
  const pod = {
    metadata: { annotations: annotated("iam.amazonaws.com/role", role) },
    spec: { containers: [] },
  };
  return origin.nowOf(undefined)({ pod, facts: facts({ annotations }) }).now;
}

const RULES = { kube2iam: "iam.amazonaws.com/allowed-roles", kiam: "iam.amazonaws.com/permitted" };

describe("podrole migrate knows which role a pod has now", () => {
  test("as kube2iam's own code answers", () => {
    const different = GOLDEN.kube2iam.flatMap(([asked, answer]) => {
      const now = nowOf(ofKube2iam(asked), asked.Role, annotated(RULES.kube2iam, asked.Rule));
      const ours = now.kind === "role" ? now.arn : null;
      // Without a role and a default, kube2iam answers with the base alone, which is the ARN of no role.
      const theirs = asked.Role === null && asked.DefaultRole === "" ? null : answer;
      return ours === theirs ? [] : [{ asked, theirs, ours }];
    });
    expect(different).toEqual([]);
    expect(GOLDEN.kube2iam.filter(([, answer]) => answer !== null).length).toBeGreaterThan(150);
  });

  test("as kiam's own code answers", () => {
    const different = GOLDEN.kiam.flatMap(([asked, answer]) => {
      const now = nowOf(ofKiam(asked), asked.Role, annotated(RULES.kiam, asked.Rule));
      const ours = now.kind === "role" ? now.arn : null;
      return ours === answer ? [] : [{ asked, answer, ours }];
    });
    expect(different).toEqual([]);
    expect(GOLDEN.kiam.filter(([, answer]) => answer !== null).length).toBeGreaterThan(60);
  });
});

/** Some of the roles among the cases that podrole takes. */
const ARNS = [
  ...new Set([...GOLDEN.kube2iam, ...GOLDEN.kiam].flatMap(([, answer]) => (answer === null ? [] : [answer]))),
]
  .flatMap((text) => parseRoleArn(text) ?? [])
  .filter((_, index) => index % 3 === 0);

describe("no role that the original refuses is allowed", () => {
  const cases = [
    ...GOLDEN.kube2iam
      .filter(([{ Restricts, Rule, DefaultRole }]) => Restricts && Rule !== null && DefaultRole === "")
      .map(([asked]) => ({
        ...asked,
        origin: ofKube2iam(asked),
        key: RULES.kube2iam,
        format: asked.Format.toLowerCase() === "regexp" ? ("regexp" as const) : ("glob" as const),
      })),
    ...GOLDEN.kiam
      .filter(([{ Rule }]) => Rule !== null)
      .map(([asked]) => ({ ...asked, origin: ofKiam(asked), key: RULES.kiam, format: "glob" as const })),
  ];
  const isAllowedNow = (origin: Origin, arn: string, key: string, rule: string): boolean =>
    nowOf(origin, arn, { [key]: rule }).kind === "role";

  test("by podrole's own reading of the annotation, but for a relative pattern that begins with / or ^", () => {
    let allowed = 0;
    // Compiling an expression takes a millisecond.
    const wider = cases
      .filter((_, index) => index % 5 === 0)
      .flatMap(({ origin, key, Rule, Base, format }) =>
        ARNS.flatMap((arn) => {
          const rule = Rule ?? "";
          const settings = config({
            policy: "enforce",
            allowedRolesFormat: format,
            baseRoleArn: parseBaseRoleArn(Base),
          });
          const decision = decideRole(
            arn,
            facts({ annotations: { [key]: rule } }),
            "default",
            "enforce",
            settings,
          );
          if (!decision.allowed) return [];
          allowed += 1;
          return isAllowedNow(origin, arn, key, rule) || /"[/^]/.test(rule) ? [] : [{ rule, arn, Base }];
        }),
      );
    expect(wider).toEqual([]);
    expect(allowed).toBeGreaterThan(25);
  });

  test("by the globs of --allow permitted, which also allow every role that the original allows by a pattern that is a glob", () => {
    let same = 0;
    const different = cases.flatMap(({ origin, key, Rule }) => {
      const rule = Rule ?? "";
      const { globs, others } = origin.rules?.globs(rule, undefined) ?? { globs: [], others: [] };
      const carried = grant("carried", { namespaces: ["shop"], roles: globs });
      return ARNS.flatMap((arn) => {
        const [then, now] = [
          grantAllows(carried, subjectOf(arn, undefined)),
          isAllowedNow(origin, arn, key, rule),
        ];
        if (then && now) same += 1;
        const isRight = then ? now : !now || others.length > 0;
        return isRight ? [] : [{ rule, arn, globs, now, carried: then }];
      });
    });
    expect(different).toEqual([]);
    expect(same).toBeGreaterThan(200);
  });
});
