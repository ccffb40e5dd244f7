import { parseBaseRoleArn, parseRoleArn, type BaseRoleArn, type RoleArn } from "../model/arn.ts";
import { audienceOf } from "../model/audience.ts";
import { durationOf, regionOf, sessionNameTemplate } from "../model/session-values.ts";
import { text, type Kind } from "./kinds.ts";

/** Kinds of AWS's values: ARNs, regions, sessions, endpoints. */

export const roleArn: Kind<RoleArn> = text(
  "arn",
  (raw) => {
    const arn = parseRoleArn(raw);
    if (arn === undefined) throw new Error("must be a role ARN such as arn:aws:iam::111122223333:role/name");
    return arn;
  },
  { pattern: "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$" },
);

/** Stands for the base ARN of the injector's own account, which only the injector asks STS for. */
export const AUTO = "auto";

export const baseRoleArn: Kind<BaseRoleArn | typeof AUTO> = text(
  "arn",
  (raw) => {
    const base = raw === AUTO ? raw : parseBaseRoleArn(raw);
    if (base === undefined)
      throw new Error(
        `must be ${AUTO}, or the start of a role ARN that ends in a slash, such as arn:aws:iam::111122223333:role/, or in one of _+=,.@-, such as arn:aws:iam::111122223333:role/prod-`,
      );
    return base;
  },
  { pattern: `^(${AUTO}|arn:aws[a-z-]*:iam::[0-9]{12}:role(/|/.*[/_+=,.@-])?)$` },
);

export const region: Kind<string> = text("region", regionOf, { pattern: "^[a-z0-9-]+$" });

export const sessionName: Kind<string> = text("template", sessionNameTemplate, { minLength: 1 });

export const audience: Kind<string> = text("audience", audienceOf, { minLength: 1, maxLength: 255 });

/** Seconds. */
export const sessionDuration: Kind<number> = {
  placeholder: "duration",
  parse: durationOf,
  write: String,
  schema: { type: ["integer", "string"] },
};

const originOf = (schemes: "https?" | "https", must: string): Kind<string> => {
  const form = `^${schemes}://[a-z0-9.:[\\]-]+$`;
  return text(
    "url",
    (raw) => {
      if (!new RegExp(form).test(raw) || URL.parse(raw)?.origin !== raw) {
        throw new Error(`must be an ${must} URL in lower case, without user name, path and slash at the end`);
      }
      return raw;
    },
    { pattern: form },
  );
};

export const endpoint = originOf("https?", "http or https");

export const httpsOrigin = originOf("https", "https");
