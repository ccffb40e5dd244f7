import { isDeepStrictEqual } from "node:util";
import { isRecord, own, type Fields } from "../../../model/read.ts";
import type { Policy } from "../../trust/document.ts";

/**
 * A role's trust policy with further statements at its end: whom it trusts now it still trusts. A statement that it has already is not
 * added again, whatever its Sid. Pure.
 */
export function merged(document: Fields, added: Policy): Fields {
  const present = [own(document, "Statement")].flat().filter(isRecord);
  const sids = new Set(present.map((one) => own(one, "Sid")));
  const more = added.Statement.filter(
    (statement) => !present.some((one) => isDeepStrictEqual(withoutSid(one), withoutSid({ ...statement }))),
  ).map((statement) => {
    let { Sid } = statement;
    for (let number = 2; sids.has(Sid); number += 1) Sid = `${statement.Sid}${number}`;
    sids.add(Sid);
    return { ...statement, Sid };
  });
  // A policy of the older version has no variables; podrole's statements have none either.
  return { ...document, Statement: [...present, ...more] };
}

const withoutSid = ({ Sid: _sid, ...rest }: Fields): Fields => ({ ...rest });
