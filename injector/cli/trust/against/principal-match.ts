import type { Presented } from "./asked.ts";
import type { TrustStatement } from "./policy.ts";
import { shown, type Reason, type ReasonCode } from "./reason.ts";
import type { Caller } from "../principal.ts";

/** By IAM's user guide, "Principal". Not evaluated, and so uncertain: NotPrincipal, sessions, and `*` where no role or user calls. */
export function whyNotPrincipal({ principals, effect }: TrustStatement, who: Presented): Reason | undefined {
  if (principals === undefined) {
    const text = "NotPrincipal is not evaluated here.";
    return { code: "PRINCIPAL", at: "NotPrincipal", text, certain: false };
  }
  const anybody = [...(principals["*"] ?? []), ...(principals["AWS"] ?? [])].includes("*");
  if (anybody && (who.kind === "caller" || effect === "Deny")) return undefined;
  if (anybody) {
    const text = "Whether * stands for a call that is made with a token is not documented.";
    return { code: "PRINCIPAL", at: "Principal", text, certain: false };
  }
  const kind = { token: "Federated", caller: "AWS", service: "Service" }[who.kind];
  const values = principals[kind] ?? [];
  if (values.length === 0) {
    const text = `The statement trusts ${Object.entries(principals)
      .map(([name, of]) => `${name} ${shown(of)}`)
      .join(" and ")}, and the call is made by ${named(who)}.`;
    return { code: "PRINCIPAL", at: "Principal", text, certain: true };
  }
  const reasons = values.map((value) => whyNot(value, who));
  if (reasons.includes(undefined)) return undefined;
  const best = reasons.find((one) => one?.certain === false) ?? reasons[0];
  return best === undefined ? undefined : { at: `Principal.${kind}`, ...best };
}

const named = (who: Presented): string => {
  switch (who.kind) {
    case "token":
      return `a token of ${who.provider}`;
    case "caller":
      return who.caller.arn;
    case "service":
      return who.name;
  }
};

type Why = Omit<Reason, "at"> | undefined;

const no = (code: ReasonCode, text: string): Why => ({ code, text, certain: true });

function whyNot(value: string, who: Presented): Why {
  if (value === "*" && who.kind !== "caller") {
    return {
      code: "PRINCIPAL",
      text: "Whether * stands for every provider or service is not documented.",
      certain: false,
    };
  }
  switch (who.kind) {
    case "token":
      return whyNotProvider(value, who);
    case "caller":
      return whyNotCaller(value, who.caller);
    case "service":
      return value === who.name
        ? undefined
        : no("PRINCIPAL", `It trusts the service ${shown([value])}, and ${who.name} makes the call.`);
  }
}

const PROVIDER = /^arn:(?<partition>[^:]*):iam::(?<account>[^:]*):oidc-provider\/(?<hostPath>.*)$/;

function whyNotProvider(value: string, { provider, hostPath }: Presented & { readonly kind: "token" }): Why {
  if (value === provider) return undefined;
  const both = `It trusts ${shown([value])}, and the token is of ${provider}.`;
  const found = PROVIDER.exec(value)?.groups;
  const wanted = PROVIDER.exec(provider)?.groups;
  if (found === undefined) return no("PRINCIPAL", `${both} That is no OIDC provider's ARN.`);
  if (found["hostPath"] !== hostPath)
    return no("ISSUER", both + issuerHint(found["hostPath"] ?? "", hostPath));
  if (found["partition"] !== wanted?.["partition"]) return no("PARTITION", both);
  return no("ACCOUNT", `${both} A role trusts a provider of its own account.`);
}

function issuerHint(found: string, hostPath: string): string {
  const plain = (text: string): string =>
    text
      .toLowerCase()
      .replace(/^https:\/\//, "")
      .replace(/\/$/, "");
  if (plain(found) === plain(hostPath))
    return " They differ in capital letters, a slash or https://, and IAM compares each character.";
  return found.includes("*") ? " A principal takes no wildcard." : "";
}

const CALLER_ARN = /^arn:(?<partition>[^:]*):(?<service>iam|sts)::(?<account>\d{12}):(?<resource>.+)$/;

function whyNotCaller(value: string, caller: Caller): Why {
  const whole = /^\d{12}$/.test(value) ? `arn:${caller.partition}:iam::${value}:root` : value;
  if (whole === caller.arn) return undefined;
  const both = `It trusts ${shown([value])}, and ${caller.arn} makes the call.`;
  // IAM shows the id of what it trusted where this has been deleted, even if there is another of the same name.
  if (/^A(?:ROA|IDA)[A-Z0-9]{12,}$/.test(value)) {
    return no(
      "PRINCIPAL",
      `${both} IAM shows an id where the role or user that was trusted has been deleted: set the policy again with the ARN.`,
    );
  }
  const found = CALLER_ARN.exec(whole)?.groups;
  if (found === undefined)
    return no(
      "PRINCIPAL",
      `${both}${whole.includes("*") ? " A principal takes no wildcard but * alone." : ""}`,
    );
  if (found["partition"] !== caller.partition) return no("PARTITION", both);
  if (found["account"] !== caller.account) return no("ACCOUNT", both);
  if (found["resource"] === "root") return undefined;
  if (found["service"] === "sts") {
    const ofCaller =
      caller.kind === "role" && found["resource"]?.startsWith(`assumed-role/${caller.name}/`) === true;
    return {
      code: "PRINCIPAL",
      text: `${both} That is one session, whose name is not known here.`,
      certain: !ofCaller,
    };
  }
  const sameName = found["resource"]?.endsWith(`/${caller.name}`) === true;
  return no("PRINCIPAL", sameName ? `${both} The path counts.` : both);
}

/** Whether a statement trusts a whole account, so that the caller's own policies have to allow the call too. */
export const trustsAccountOf = ({ principals }: TrustStatement, caller: Caller): boolean => {
  const values = principals?.["AWS"] ?? [];
  return (
    !values.includes(caller.arn) &&
    values.some(
      (one) => one === caller.account || one === `arn:${caller.partition}:iam::${caller.account}:root`,
    )
  );
};
