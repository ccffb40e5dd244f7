import { randomBytes } from "node:crypto";
import { Secret } from "../../sidecar/kit/secret.ts";
import { stsOver } from "../../sidecar/sts/assume-role.ts";
import type { Issue } from "../../sidecar/sts/chain.ts";
import { ROLE } from "./credentials.ts";
import { FAULTS, faultyServer, type FaultyPlace, type Limits, type Wire } from "./faulty-server.ts";

export const FAULTY_STS: FaultyPlace = {
  name: "STS",
  // STS ends no session that it has given.
  faults: FAULTS.filter((fault) => fault !== "withdrawn"),
  sequences: 12,
  open: (now) => faultyServer(WIRE, now, issuer),
};

function issuer(url: string, now: () => number, limits: Limits): Issue {
  const where = { region: "eu-west-1", endpoint: url, ca: undefined, proxy: undefined };
  const assumeRole = stsOver({ ...where, ...limits, now });
  const caller = { kind: "token", token: new Secret("header.payload.signature") } as const;
  const step = { roleArn: ROLE, durationSeconds: 3600 };
  return () => assumeRole({ caller, step, sessionName: "billing.api-0" });
}

const errorXml = (code: string, message: string): string =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code>` +
  `<Message>${message}</Message></Error><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>`;

const WIRE: Wire = {
  contentType: "text/xml",
  asked: (body) => {
    const form = new URLSearchParams(body);
    return {
      roleArn: form.get("RoleArn") ?? "",
      sessionName: form.get("RoleSessionName") ?? "",
      lifetimeSeconds: Number(form.get("DurationSeconds")),
    };
  },
  document: (body, { roleArn, sessionName }, accessKeyId, expiresAt) => {
    const action = new URLSearchParams(body).get("Action") ?? "";
    const arn = `${roleArn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")}/${sessionName}`;
    return (
      `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>` +
      `<Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${randomBytes(30).toString("hex")}</SecretAccessKey>` +
      `<SessionToken>${randomBytes(200).toString("hex")}</SessionToken><Expiration>${new Date(expiresAt).toISOString()}</Expiration></Credentials>` +
      `<AssumedRoleUser><Arn>${arn}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>` +
      `</${action}Result></${action}Response>`
    );
  },
  refusals: {
    refused: [400, errorXml("ValidationError", "1 validation error detected")],
    denied: [403, errorXml("AccessDenied", "Not authorized")],
    throttled: [400, errorXml("Throttling", "Rate exceeded")],
    "internal failure": [500, errorXml("InternalFailure", "We are sorry")],
  },
  spoil: {
    "no credentials": (xml) => xml.replace(/<Credentials>.*<\/Credentials>/, ""),
    "empty credentials": (xml) => xml.replace(/<SecretAccessKey>[^<]*/, "<SecretAccessKey>"),
    "a date that is none": (xml) => xml.replace(/<Expiration>[^<]*/, "<Expiration>tomorrow"),
    "no name": (xml) => xml.replace(/<AssumedRoleUser>.*<\/AssumedRoleUser>/, ""),
  },
};
