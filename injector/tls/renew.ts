import { certificateAuthority, servingCertificate, type KeyPair, type Validity } from "./certificates.ts";
import type { Durations } from "./durations.ts";
import { caFacts, canSign } from "./pem.ts";
import { lasting, validAt, type Action } from "./plan.ts";
import type { Stored } from "./stored.ts";

export interface Making {
  readonly now: number;
  readonly names: readonly string[];
  readonly durations: Durations;
  /** What this replica serves by. */
  readonly held: Stored | undefined;
}

/** What the Secret is to hold once the action is done. Nothing is written here. */
export async function renewed(
  stored: Stored,
  action: Exclude<Action, { do: "patch" | "wait" }>,
  making: Making,
): Promise<Stored> {
  const { held } = making;
  switch (action.do) {
    case "create":
      return withCa(await authority(making), stored.ca?.cert, making);
    case "restore":
      // Deleted, perhaps, since its keys are no longer trusted: a rotation follows, and leaves none of what is restored.
      // A CA that somebody has put in its place is what it is followed by.
      return { ...held, next: able(stored.ca, making.now) ?? (await authority(making)) };
    case "issue":
      return stored.ca ? { ...stored, serving: await certificate(stored.ca, making) } : stored;
    case "add-next":
      return { ...stored, next: await authority(making) };
    case "switch":
      return stored.next ? withCa(stored.next, stored.ca?.cert, making) : stored;
    case "drop-previous": {
      const { previous: _, ...rest } = stored;
      return rest;
    }
  }
}

/** Under a CA of its own; the CA before it stays trusted for a while, where it is one that still holds. */
async function withCa(ca: KeyPair, before: string | undefined, making: Making): Promise<Stored> {
  const facts = caFacts(before);
  const keep = before !== undefined && facts !== undefined && validAt(facts, making.now);
  return { ca, serving: await certificate(ca, making), ...(keep ? { previous: before } : {}) };
}

/** The pair, where it is a CA's that can sign now. */
function able(pair: KeyPair | undefined, now: number): KeyPair | undefined {
  const facts = caFacts(pair?.cert);
  return pair !== undefined && facts !== undefined && validAt(facts, now) && canSign(pair) ? pair : undefined;
}

/** Each under a name of its own: where two CAs of one name are trusted, a client may try the wrong one only. */
const authority = ({ now, durations }: Making): Promise<KeyPair> =>
  certificateAuthority(`podrole CA ${new Date(now).toISOString()}`, validity(durations.caMs, now));

function certificate(ca: KeyPair, { now, names, durations }: Making): Promise<KeyPair> {
  const end = caFacts(ca.cert)?.notAfter ?? Infinity;
  return servingCertificate(ca, names, validity(Math.min(durations.servingMs, end - now), now));
}

function validity(ms: number, now: number): Validity {
  const { notBefore, notAfter } = lasting(ms, now);
  return { notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
}
