import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { decideAudience } from "../../../injector/decide/audience.ts";
import { config } from "../../support/config.ts";
import { facts } from "../../support/facts.ts";
import { admitted, codes, injected, pod } from "../../support/pods.ts";

const account = (audience: string) => facts({ account: { [ANNOTATION.serviceAccountAudience]: audience } });
const audiencesOf = (...args: Parameters<typeof injected>): readonly unknown[] =>
  (injected(...args).spec.volumes ?? [])
    .filter(({ name }) => name === "podrole-token")
    .map((volume) => JSON.parse(JSON.stringify(volume)).projected.sources[0].serviceAccountToken.audience);

describe("the token for STS has", () => {
  test("AWS's audience if nobody names another", () => {
    expect(audiencesOf(pod())).toEqual(["sts.amazonaws.com"]);
  });

  test("the installation's", () => {
    expect(audiencesOf(pod(), facts(), config({ tokenAudience: "amazonaws.com" }))).toEqual([
      "amazonaws.com",
    ]);
  });

  test.for(["amazonaws.com", "https://issuer.example/a", "0oa1b2C3", "a".repeat(255), "a@b:c/d+e=f~g-h_i"])(
    "the service account's, before the installation's: %s",
    (audience) => {
      expect(audiencesOf(pod(), account(audience), config({ tokenAudience: "other" }))).toEqual([audience]);
    },
  );

  test("the installation's where the service account's is empty", () => {
    expect(audiencesOf(pod(), account(""), config({ tokenAudience: "other" }))).toEqual(["other"]);
  });
});

describe("a service account's audience", () => {
  test.for([
    "podrole.dev/pod",
    "podrole.dev/",
    "podrole-broker",
    "https://kubernetes.default.svc",
    "https://kubernetes.default.svc.cluster.local",
    "kubernetes.svc.default",
    "kubernetes",
    "two words",
    "a,b",
    "${aws:PrincipalTag/x}",
    "*",
    "a?",
    "-a",
    "a\n",
    "\u00FC",
    "a".repeat(256),
  ])("denies the pod with one finding that names account and annotation: %j", (audience) => {
    const outcome = admitted(pod({ serviceAccountName: "default" }), account(audience));
    expect(outcome).toMatchObject({
      kind: "deny",
      findings: [
        {
          code: "ANNOTATION_INVALID",
          message: expect.stringContaining("eks.amazonaws.com/audience of service account default must"),
        },
      ],
    });
  });

  test("is not read where the source uses no token, nor of a pod without a role", () => {
    expect(decideAudience(account("*"), config({ source: "node" })).findings).toEqual([]);
    expect(codes(pod({}, {}), account("*"))).toEqual([]);
  });

  test("is misplaced on a pod", () => {
    expect(codes(pod({}, { [ANNOTATION.serviceAccountAudience]: "a" }))).toEqual(["ANNOTATION_MISPLACED"]);
  });
});
