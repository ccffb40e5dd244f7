import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { ENV } from "../../../../sidecar/contract/env.ts";
import { CONTAINER } from "../../../../sidecar/contract/pod.ts";
import { fieldsIn, nameOf, own, recordsIn, type Fields } from "../../../model/read.ts";
import { BROKER } from "../../live/deployment.ts";
import { day, leadsTo, parsed, validity } from "../certificates.ts";
import type { CheckFacts } from "../facts.ts";
import { fail, judged, listed, ok, skip, warn, type CheckResult, type Results } from "../result.ts";
import { whereUsed } from "./used.ts";

const REMEDY =
  "See the controller's log: it keeps the certificate, the CA and brokerCa, if it has --broker-certificates.";
const DAY_MS = 24 * 60 * 60 * 1000;
const YEAR_MS = 365 * DAY_MS;
/** Before the end of a CA, see controller/durations.ts. */
const CHANGE_MS = 60 * DAY_MS;
const secretOf = ({ podroleNamespace }: CheckFacts): string => `${podroleNamespace}/${BROKER}-tls`;

export const brokerCertificateCheck = whereUsed((facts: CheckFacts): Results => {
  const code = "BROKER_CERTIFICATE";
  const { brokerCertificate, brokerDeployment, config, now, podroleNamespace } = facts;
  const absent =
    brokerDeployment.kind === "found"
      ? fail(
          code,
          `There is no Secret ${secretOf(facts)}, so the broker has no certificate to serve.`,
          REMEDY,
        )
      : skip(code, `there is no Deployment ${podroleNamespace}/${BROKER}`);
  return judged(code, brokerCertificate, absent, (pem) => {
    const [leaf, ...between] = parsed(pem) ?? [];
    if (leaf === undefined)
      return fail(
        code,
        `The tls.crt of Secret ${secretOf(facts)} holds no certificate that can be read.`,
        REMEDY,
      );
    const problem = validity(code, "broker's certificate", leaf, now);
    if (problem?.status === "fail") return problem;
    const host =
      config.brokerUrl === undefined ? `${BROKER}.${podroleNamespace}.svc` : hostOf(config.brokerUrl);
    if (!isFor(leaf, host))
      return fail(code, `The broker's certificate is not for ${host}, by which sidecars call it.`, REMEDY);
    const cas = casIn(config.brokerCa);
    if (cas.length > 0 && !leadsTo(leaf, between, cas))
      return fail(
        code,
        "The broker's certificate is not signed by a CA of brokerCa: no pod that is made now gets a session.",
        REMEDY,
      );
    return (
      problem ??
      ok(code, `The certificate for ${host} is signed by a CA of brokerCa and valid until ${day(leaf)}.`)
    );
  });
});

/** A pod trusts the CAs that were written into it when it was made, whatever brokerCa has become since. */
export const brokerPodsCheck = whereUsed((facts: CheckFacts): Results => {
  const code = "BROKER_PODS";
  const { brokerCertificate, pods, config, now } = facts;
  const unknown = skip(code, "there is no certificate of podrole's broker");
  if (brokerCertificate.kind !== "found") return judged(code, brokerCertificate, unknown, () => []);
  const [leaf, ...between] = parsed(brokerCertificate.value) ?? [];
  if (leaf === undefined) return unknown;
  const next = nextCa(leaf, casIn(config.brokerCa), now);
  return judged(code, pods, skip(code, "no namespace is under podrole"), (all) => {
    const results = all.flatMap(({ namespace, pods: listing }): Results =>
      judged(code, listing, skip(code, "there are no pods"), (found) => {
        // Most pods have the same CAs: each bundle is judged once.
        const bundles = [...Map.groupBy(found.flatMap(trustOf), ({ pem }) => pem)].map(([pem, group]) => ({
          cas: casIn(pem),
          names: group.map(({ name }) => name),
        }));
        const lost = bundles.filter(({ cas }) => !leadsTo(leaf, between, cas));
        const soon = bundles.filter(
          (one) => !lost.includes(one) && next !== undefined && !one.cas.some((ca) => same(ca, next.ca)),
        );
        const restart = `Restart their owners: kubectl -n ${namespace} rollout restart deployment,statefulset,daemonset.`;
        const about = (as: typeof fail, ones: readonly Pods[], what: string): readonly CheckResult[] =>
          ones.length === 0
            ? []
            : [as(code, `${counted(ones)} in ${namespace} ${what}: ${listed(namesIn(ones))}.`, restart)];
        return [
          ...about(fail, lost, "cannot reach the broker, whose CA is another one than when they were made"),
          ...about(warn, soon, `cannot reach the broker ${next?.from ?? ""}`),
        ];
      }),
    );
    return results.length > 0 ? results : ok(code, "Every pod of source broker trusts its CA.");
  });
});

interface NextCa {
  readonly ca: X509Certificate;
  /** A clause: since when and why it is needed. */
  readonly from: string;
}

/** The CA that signs next, where pods that do not trust it should be made anew by now. */
function nextCa(leaf: X509Certificate, cas: readonly X509Certificate[], now: number): NextCa | undefined {
  const current = cas.find((one) => leadsTo(leaf, [], [one]));
  const ca = cas.find((one) => one !== current);
  if (current === undefined || ca === undefined) return undefined;
  const [begin, end] = [Date.parse(current.validFrom), Date.parse(current.validTo)];
  // In good order a second CA is there only from two thirds of the first one's life on. A CA of the controller's begins a third of
  // its life before it is made.
  if (now < end - (end - begin) / 4)
    return { ca, from: `from ${day(leaf)} on, when its certificate ends, since its CA was lost` };
  if (now < end - YEAR_MS) return undefined;
  const change = new Date(end - CHANGE_MS).toISOString().slice(0, 10);
  return { ca, from: `from ${change} on, when another CA signs its certificate` };
}

interface Pods {
  readonly cas: readonly X509Certificate[];
  readonly names: readonly string[];
}

/** The CAs that a pod of source broker was made with, where it runs or will. */
function trustOf(pod: Fields): readonly { readonly name: string; readonly pem: string }[] {
  const phase = own(fieldsIn(pod, "status"), "phase");
  if (phase === "Succeeded" || phase === "Failed") return [];
  const sidecar = recordsIn(fieldsIn(pod, "spec"), "initContainers").find(
    (one) => own(one, "name") === CONTAINER.sidecar,
  );
  const variable = recordsIn(sidecar ?? {}, "env").find((one) => own(one, "name") === ENV.brokerCa);
  const value = variable && own(variable, "value");
  return typeof value === "string" ? [{ name: nameOf(pod), pem: value }] : [];
}

const casIn = (pem: string | undefined): readonly X509Certificate[] => parsed(pem ?? "") ?? [];
const isFor = (leaf: X509Certificate, host: string): boolean =>
  (isIP(host) === 0 ? leaf.checkHost(host, { subject: "never" }) : leaf.checkIP(host)) !== undefined;
const same = (one: X509Certificate, other: X509Certificate): boolean =>
  one.fingerprint256 === other.fingerprint256;
const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
const namesIn = (all: readonly Pods[]): readonly string[] => all.flatMap(({ names }) => names);
const counted = (all: readonly Pods[]): string =>
  namesIn(all).length === 1 ? "A pod" : `${namesIn(all).length} pods`;
