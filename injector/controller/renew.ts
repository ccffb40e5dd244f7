import {
  certificateAuthority,
  servingCertificate,
  type KeyPair,
  type Validity,
} from "../tls/certificates.ts";
import { caFacts, canSign, certificatesIn } from "../tls/pem.ts";
import { validAt } from "../tls/state.ts";
import type { Stored } from "../tls/stored.ts";
import type { Durations } from "./durations.ts";
import { lasting, type Action } from "./plan.ts";

export interface Making {
  readonly now: number;
  readonly names: readonly string[];
  readonly durations: Pick<Durations, "caMs" | "servingMs">;
}

/** The Secret's contents after the action. Writes nothing. */
export async function renewed(
  stored: Stored,
  action: Exclude<Action, { do: "patch" }>,
  making: Making,
): Promise<Stored> {
  const { ca, next } = stored;
  switch (action.do) {
    case "announce": {
      // A CA that somebody has put into the Secret becomes the next one, if it can sign.
      const named = able(next, making.now) ?? able(ca, making.now) ?? (await authority(CA, making));
      const own = certificatesIn(named.cert);
      return { next: named, ...previously(action.previous.filter((pem) => !own.includes(pem))) };
    }
    case "switch":
      return next === undefined
        ? stored
        : {
            ca: next,
            serving: await certificate(next, making),
            ...previously(stillValid(stored, making.now)),
          };
    case "issue":
      return ca === undefined ? stored : { ...stored, serving: await certificate(ca, making) };
    case "add-next":
      return { ...stored, next: await authority(CA, making) };
    case "drop-previous": {
      const { previous: _, ...rest } = stored;
      return rest;
    }
  }
}

export const previously = (pems: readonly string[]): Pick<Stored, "previous"> =>
  pems.length === 0 ? {} : { previous: `${pems.join("\n")}\n` };

/** The CAs by which something may be served until now. */
export const stillValid = ({ ca, previous = "" }: Stored, now: number): readonly string[] =>
  certificatesIn(previous + (ca?.cert ?? "")).filter((pem) => {
    const facts = caFacts(pem);
    return facts !== undefined && validAt(facts, now);
  });

/** The pair, where it is a CA's that can sign now. */
function able(pair: KeyPair | undefined, now: number): KeyPair | undefined {
  const facts = caFacts(pair?.cert);
  return pair !== undefined && facts !== undefined && validAt(facts, now) && canSign(pair) ? pair : undefined;
}

const CA = "podrole CA";

/** Each under a name of its own: of two trusted CAs with one name, a client may try the wrong one only. */
export const authority = (name: string, { now, durations }: Making): Promise<KeyPair> =>
  certificateAuthority(`${name} ${new Date(now).toISOString()}`, validity(durations.caMs, now));

/** A serving certificate that does not outlast its CA. */
export function certificate(ca: KeyPair, { now, names, durations }: Making): Promise<KeyPair> {
  const end = caFacts(ca.cert)?.notAfter ?? Infinity;
  return servingCertificate(ca, names, validity(Math.min(durations.servingMs, end - now), now));
}

function validity(ms: number, now: number): Validity {
  const { notBefore, notAfter } = lasting(ms, now);
  return { notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
}
