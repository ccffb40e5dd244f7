import { identityUnavailable } from "../../../injector/broker/own-identity.ts";
import { podReader } from "../../../injector/broker/pod-record.ts";
import { notAccepted, notBound, tokenClaims } from "../../../injector/broker/token-claims.ts";
import { factsUnavailable } from "../../../injector/broker/unavailable.ts";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { CodedError } from "../../../sidecar/kit/errors.ts";
import { rig, POD, STATUS } from "../../injector/broker/broker-rig.ts";
import { config } from "../../support/config.ts";
import { BILLING, clusterOf, facts, grant } from "../../support/facts.ts";
import { podToken } from "../../support/pod-token.ts";
import { thrown } from "../../support/thrown.ts";
import type { Row } from "./row.ts";

/** Where the broker itself leaves it open. */
const TODO: Readonly<Record<string, string>> = {
  REQUEST_INVALID: "See that sidecar and broker are of versions that go together.",
};

const row = ({ code, message, remedy }: CodedError): Row => ({
  says: `${code}: ${message}`.replaceAll(BILLING, "ROLE"),
  todo: remedy ?? TODO[code] ?? "",
});

const now = Date.now();
const refusing = (error: Error) => ({ reviewToken: () => Promise.reject(error) });
const withStatus = (status: string | undefined) => ({
  readPod: async () => ({
    annotations: status === undefined ? {} : { [ANNOTATION.status]: status },
    podIps: ["10.0.0.1"],
  }),
});
const where = (surroundings: Parameters<typeof facts>[0]) => ({ cluster: clusterOf(facts(surroundings)) });
const deny = grant("freeze", { roles: ["*"], namespaces: ["shop"], effect: "Deny" });

async function gone(answer: () => Promise<unknown>): Promise<CodedError> {
  const read = podReader({
    api: { get: answer },
    turns: { run: (_, request) => request() },
    signal: new AbortController().signal,
  });
  return thrown(() => read(POD, "10.0.0.1"));
}

async function asksTooOften(): Promise<CodedError> {
  const { ask } = rig();
  for (let asked = 0; asked < 10; asked += 1) await ask();
  return thrown(() => ask());
}

/** Each refusal of the broker, as a sidecar is told it. STS's own have a table of their own. */
export async function brokerRows(): Promise<readonly Row[]> {
  const errors = [
    await thrown(async () => tokenClaims(undefined, now)),
    await thrown(async () => tokenClaims(podToken({ aud: ["sts.amazonaws.com"] }), now)),
    await thrown(async () => tokenClaims(podToken({ exp: 1 }), now)),
    notAccepted("the API server does not accept it"),
    notBound(),
    await gone(() => Promise.reject(new Refusal(404, ""))),
    await gone(async () => ({ metadata: { uid: "another" } })),
    await thrown(() => rig({ ...withStatus(undefined) }).ask()),
    await thrown(() => rig({ ...withStatus(STATUS.replace("broker", "web-identity")) }).ask()),
    await thrown(() =>
      rig().ask({ body: JSON.stringify({ identity: "pod", roleArn: `${BILLING}-of-another` }) }),
    ),
    await thrown(() => rig({ config: () => config({ brokerClients: "pod" }) }).ask({ address: "10.9.9.9" })),
    await thrown(() =>
      rig({
        config: () => config({ brokerClients: "pod" }),
        readPod: async () => ({ annotations: {}, podIps: [] }),
      }).ask(),
    ),
    await thrown(() => rig(where({ labels: { "podrole.dev/inject": "disabled" } })).ask()),
    await thrown(() => rig({ excluded: new Set(["shop"]) }).ask()),
    await thrown(() => rig(where({})).ask()),
    await thrown(() => rig(where({ grants: [deny] })).ask()),
    await asksTooOften(),
    identityUnavailable("STS_TIMEOUT"),
    await thrown(() =>
      rig(
        refusing(
          factsUnavailable("The API server could not be asked whose token this is", new Refusal(503, "")),
        ),
      ).ask(),
    ),
    await thrown(() => rig().ask({ body: "{" })),
  ];
  return errors.map(row);
}
