import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificateAuthority, servingCertificate, validFor } from "../../../injector/tls/certificates.ts";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { BROKER_CA } from "../../../injector/controller/broker-bundle.ts";
import { bundleForeign, caNotValid } from "../../../injector/controller/broker-trouble.ts";
import {
  policiesForeign,
  policiesRefused,
  requireNoNodeSource,
} from "../../../injector/controller/metadata-policy-trouble.ts";
import { injectorCommand } from "../../../injector/serve/command.ts";
import { readClientCa } from "../../../injector/tls/client-ca.ts";
import { readPair } from "../../../injector/tls/files.ts";
import { servingFrom } from "../../../injector/tls/options.ts";
import { served } from "../../../injector/tls/served.ts";
import {
  notLoaded,
  secretTrouble,
  unannounced,
  unsettled,
  webhookTrouble,
} from "../../../injector/tls/trouble.ts";
import type { CodedError } from "../../../sidecar/kit/errors.ts";
import { config } from "../../support/config.ts";
import { thrown } from "../../support/thrown.ts";
import type { Row } from "./row.ts";

const SECRET = { secret: "podrole-injector-tls", namespace: "podrole-system" } as const;
const WEBHOOK = "podrole";
const SINCE = Date.UTC(2026, 0, 1);

/** Where the trouble itself names no remedy: it is another one that does. */
const OTHERS =
  "Wait ten seconds. If the trouble stays, the log has another code of this table with the reason.";

const row = ({ code, message, remedy }: Pick<CodedError, "code" | "message" | "remedy">): Row => ({
  says: `${code}: ${message}`,
  todo: remedy ?? OTHERS,
});

/** What `/readyz`, the log and the metric say of certificates. */
export async function tlsRows(): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-"));
  try {
    return [
      notLoaded(SECRET, "does not exist yet"),
      notLoaded(SECRET, "has no serving certificate yet"),
      unannounced(SECRET),
      secretTrouble(new Refusal(403, ""), SECRET, "read"),
      secretTrouble(new Refusal(403, ""), SECRET, "write"),
      secretTrouble(new Refusal(422, ""), SECRET, "write"),
      secretTrouble(new Refusal(404, ""), SECRET, "write"),
      webhookTrouble(new Refusal(403, ""), WEBHOOK),
      webhookTrouble(new Refusal(404, ""), WEBHOOK),
      webhookTrouble(new Refusal(422, ""), WEBHOOK),
      secretTrouble(Object.assign(new Error(), { code: "ECONNREFUSED" }), SECRET, "write"),
      unsettled("the Secret or the webhook configuration", "caBundle"),
      ...(await servedTroubles()),
      ...(await fileTroubles(folder)),
      await thrown(() => readClientCa("/client-ca/ca.crt")),
    ].map(row);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function servedTroubles() {
  const authority = await certificateAuthority("podrole", validFor(1, SINCE));
  const pair = await servingCertificate(authority, ["podrole"], validFor(1, SINCE));
  const one = served({ now: () => SINCE + 90 * 86_400_000, apply: () => undefined });
  one.use(pair);
  const trouble = one.trouble();
  if (trouble === undefined) throw new Error("no trouble");
  return [{ ...trouble, remedy: undefined }];
}

async function fileTroubles(folder: string): Promise<readonly CodedError[]> {
  const empty = join(folder, "tls.crt");
  await writeFile(empty, "");
  const mounted = (error: CodedError): CodedError =>
    Object.assign(error, { message: error.message.replaceAll(folder, "/tls") });
  return [
    mounted(await thrown(() => readPair({ cert: join(folder, "missing"), key: empty }))),
    mounted(await thrown(() => readPair({ cert: empty, key: empty }))),
  ];
}

/** What the log of the controller says about NetworkPolicies. */
export const metadataPolicyRows = async (): Promise<readonly Row[]> =>
  [
    policiesForeign(["shop"]),
    policiesRefused("shop", new Refusal(403, "exceeded quota: compute"), 2),
    await thrown(() => requireNoNodeSource(config({ source: "node" }))),
  ].map(row);

/** What the log of the controller says about the broker's CA. */
export const brokerCertificateRows = (): readonly Row[] =>
  [
    bundleForeign("podrole-system/podrole-config"),
    caNotValid(
      "podrole-system/podrole-broker-ca",
      { pem: "", notBefore: SINCE, notAfter: SINCE + 3650 * 86_400_000 },
      Date.UTC(2099, 0, 1),
    ),
    unsettled("the broker's Secrets or the settings", BROKER_CA),
  ].map(row);

/** Command lines that the injector does not start with; it exits with 2. */
export async function optionRows(): Promise<readonly Row[]> {
  const said = (...args: readonly string[]): Row => {
    let text = "";
    const command = injectorCommand().configureOutput({ writeErr: (one) => (text += one) });
    try {
      command.parse([...args], { from: "user" });
    } catch {
      return { says: text.trim(), todo: "" };
    }
    throw new Error(`${args.join(" ")} is fine`);
  };
  const together = async (...args: readonly string[]): Promise<Row> =>
    row(
      await thrown(() =>
        servingFrom(
          injectorCommand()
            .parse([...args], { from: "user" })
            .opts(),
        ),
      ),
    );
  const listed = "See what the option takes: `--help`, or `deploy/reference/options.md`.";
  const rows = [
    said("--polcy=off"),
    said("--tls-min-version=1.1"),
    await together("--tls=files"),
    await together("--tls=self-managed", "--tls-cert=a"),
  ];
  return rows.map(({ says, todo }) => ({ says, todo: todo === "" || todo === OTHERS ? listed : todo }));
}
