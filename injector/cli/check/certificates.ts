import { X509Certificate } from "node:crypto";
import { fieldsIn, own, type Fields } from "../../model/read.ts";
import { INJECTOR } from "../live/deployment.ts";
import type { CheckFacts } from "./facts.ts";
import {
  fail,
  judged,
  ok,
  skip,
  unjudged,
  warn,
  type CheckCode,
  type CheckResult,
  type Results,
} from "./result.ts";
import { tlsSecretIn } from "./tls-secret.ts";
import { oursIn } from "./webhook.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Certificates that live long are told about in time for a person; short ones after whoever renews them should have. */
const SOON_MS = 14 * DAY_MS;
const SOON_SHARE = 0.2;

const REMEDY =
  "See the controller's log. Certificates that you made yourself: make new ones, and put their CA into every caBundle.";

/** The CAs that the API server trusts for the injector, or what is wrong with them; undefined: there is no webhook. */
function bundleIn({ webhooks }: CheckFacts): Bundle | undefined {
  if (webhooks.kind !== "found") return undefined;
  const all = oursIn(webhooks.value);
  if (all.length === 0) return undefined;
  const bundles = new Set(all.map((webhook) => own(fieldsIn(webhook, "clientConfig"), "caBundle")));
  const [bundle] = bundles;
  if (bundles.size > 1) return { why: "podrole's webhooks have different caBundles" };
  if (typeof bundle !== "string" || bundle === "") {
    return { why: "the caBundle is empty, so that the API server trusts public CAs only" };
  }
  const cas = parsed(Buffer.from(bundle, "base64").toString("utf8"));
  return cas === undefined ? { why: "the caBundle holds no certificate that can be read" } : { cas };
}

type Bundle = { readonly cas: readonly X509Certificate[] } | { readonly why: string };

export const bundleCheck = (facts: CheckFacts): Results => {
  const code = "CA_BUNDLE";
  if (facts.webhooks.kind === "unread") return unjudged(code, facts.webhooks);
  const bundle = bundleIn(facts);
  if (bundle === undefined) return skip(code, "there is no webhook of podrole's");
  if ("why" in bundle) {
    return fail(code, `The API server cannot verify the injector: ${bundle.why}.`, REMEDY);
  }
  // During a change of CAs the old one stands beside the new one: one that is valid is enough.
  const best = bundle.cas.toSorted((a, b) => Date.parse(b.validTo) - Date.parse(a.validTo))[0];
  const problem = best === undefined ? undefined : validity(code, "CA", best, facts.now);
  return [problem ?? ok(code, `The caBundle is valid until ${day(best)}.`)];
};

export const certificateCheck = (facts: CheckFacts): Results => {
  const code = "CERTIFICATE";
  const absent = skip(
    code,
    `there is no Secret ${facts.podroleNamespace}/${tlsSecretIn(facts.deployment)}; see the dry run below`,
  );
  return judged(code, facts.certificate, absent, (pem) => {
    const [leaf, ...between] = parsed(pem) ?? [];
    if (leaf === undefined) {
      return fail(code, "The Secret's tls.crt holds no certificate that can be read.", REMEDY);
    }
    const problem = validity(code, "serving certificate", leaf, facts.now);
    if (problem?.status === "fail") return [problem];
    const host = `${INJECTOR}.${facts.podroleNamespace}.svc`;
    if (leaf.checkHost(host, { subject: "never" }) === undefined) {
      return fail(
        code,
        `The certificate is not for ${host}, by which the API server calls the injector.`,
        REMEDY,
      );
    }
    const bundle = bundleIn(facts);
    if (bundle !== undefined && "cas" in bundle && !leadsTo(leaf, between, bundle.cas)) {
      return fail(
        code,
        "The certificate is not signed by a CA of the caBundle: every call to the injector fails.",
        REMEDY,
      );
    }
    return [
      problem ??
        ok(
          code,
          `The certificate for ${host} is signed by a CA of the caBundle and valid until ${day(leaf)}.`,
        ),
    ];
  });
};

export function parsed(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  try {
    return blocks?.map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}

export function validity(
  code: CheckCode,
  what: string,
  one: X509Certificate,
  now: number,
): CheckResult | undefined {
  const [from, to] = [Date.parse(one.validFrom), Date.parse(one.validTo)];
  if (now >= to) return fail(code, `The ${what} has ended, on ${day(one)}.`, REMEDY);
  if (now < from) {
    return fail(
      code,
      `The ${what} is not valid before ${new Date(from).toISOString()}.`,
      "Look at the clocks of this machine and the cluster's.",
    );
  }
  if (to - now < Math.min(SOON_MS, (to - from) * SOON_SHARE)) {
    return warn(code, `The ${what} ends soon, on ${day(one)}, and has not been renewed.`, REMEDY);
  }
  return undefined;
}

/** Whether a certificate, by what is sent along with it, comes from a CA. One that is in the bundle itself does. */
export function leadsTo(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  cas: readonly X509Certificate[],
): boolean {
  if (cas.some((ca) => ca.fingerprint256 === leaf.fingerprint256 || signedBy(leaf, ca))) return true;
  const next = between.find((one) => signedBy(leaf, one));
  return (
    next !== undefined &&
    leadsTo(
      next,
      between.filter((one) => one !== next),
      cas,
    )
  );
}

const signedBy = (one: X509Certificate, by: X509Certificate): boolean =>
  one.checkIssued(by) && one.verify(by.publicKey);

export const day = (one: X509Certificate | undefined): string =>
  one === undefined ? "" : new Date(Date.parse(one.validTo)).toISOString().slice(0, 10);

/** The chain in a Secret of type kubernetes.io/tls. Its key is left where it is. */
export const chainIn = (secret: Fields): string | undefined => {
  const chain = own(fieldsIn(secret, "data"), "tls.crt");
  return typeof chain === "string" ? Buffer.from(chain, "base64").toString("utf8") : undefined;
};
