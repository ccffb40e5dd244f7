import { afterAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { config } from "../../../support/config.ts";
import { BILLING, facts } from "../../../support/facts.ts";
import {
  codeOf,
  countLine,
  securityFixtures,
  securityVersion,
  whyNoSecurityFixtures,
} from "../../../support/pod-security.ts";
import { denials } from "../../../support/pods.ts";

const missing = whyNoSecurityFixtures();
const fixtures = securityFixtures();
const which = missing ?? `${fixtures.length} pods of ${securityVersion()}`;

describe.skipIf(missing !== undefined)(`Kubernetes' own tests of level baseline: ${which}`, () => {
  let right = 0;
  afterAll(() => void process.stdout.write(countLine("the webhook", right, 1)));
  test("are all there", () => {
    expect(fixtures.filter(({ isAllowed }) => isAllowed).length).toBeGreaterThan(14);
    expect(fixtures.filter(({ isAllowed }) => !isAllowed).length).toBeGreaterThan(33);
  });

  test.for(fixtures.map((one) => [one.name, one] as const))("%s", ([, fixture]) => {
    const { pod, isAllowed } = fixture;
    const expected = isAllowed ? ["inject"] : [codeOf(fixture)];
    const annotations = { ...pod.metadata?.annotations, [ANNOTATION.role]: BILLING };
    const withRole = { ...pod, metadata: { ...pod.metadata, annotations } };
    for (const one of [pod, withRole]) {
      expect(denials(one, facts(), config({ policy: "off" }))).toEqual(expect.arrayContaining(expected));
    }
    right += 1;
  });
});
