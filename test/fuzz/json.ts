import { isRecord, own, type Fields } from "../../injector/model/read.ts";

/** Reading of JSON of any form. A value of a wrong type counts as absent: the API server refuses it. */

export const fields = (value: unknown): Fields => (isRecord(value) ? value : {});
export const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce((one: unknown, key) => own(fields(one), key), value);
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const texts = (value: unknown): readonly string[] =>
  list(value).filter((one): one is string => typeof one === "string");
export const nameOf = (value: unknown): string => String(at(value, "name"));
