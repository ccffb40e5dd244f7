import { Refusal } from "./api-server.ts";
import { isRecord, metadataOf, own, type Fields } from "../model/read.ts";

/** A part of a list. */
export interface Page {
  readonly items: readonly Fields[];
  /** Where a watch goes on from, of all pages the same. */
  readonly resourceVersion: string;
  /** Asks for the page after this one; absent on the last. */
  readonly next: string | undefined;
}

/** @throws Error if the body is not a list */
export function pageOf(body: unknown): Page {
  const items = isRecord(body) ? own(body, "items") : undefined;
  if (!isRecord(body) || !Array.isArray(items) || !items.every(isRecord))
    throw new Error("the answer is no list");
  const metadata = metadataOf(body);
  const next = own(metadata, "continue");
  return {
    items,
    resourceVersion: versionOf(body),
    next: typeof next === "string" && next !== "" ? next : undefined,
  };
}

/** @throws Refusal for an ERROR event, which is a late HTTP status; Error if the line is not an event */
export function eventOf(line: string): { readonly type: string; readonly object: Fields } {
  const event: unknown = JSON.parse(line);
  const type = isRecord(event) ? own(event, "type") : undefined;
  const object = isRecord(event) ? own(event, "object") : undefined;
  if (typeof type !== "string" || !isRecord(object))
    throw new Error("the watch brought something else than an event");
  if (type === "ERROR") throw new Refusal(Number(own(object, "code")), String(own(object, "message")));
  return { type, object };
}

/** `namespace/name`, or `name` of an object without a namespace. */
export function keyOf(object: Fields): string {
  const metadata = metadataOf(object);
  const namespace = own(metadata, "namespace");
  const name = text(metadata, "name");
  return typeof namespace === "string" && namespace !== "" ? `${namespace}/${name}` : name;
}

/** Where a watch that has brought this goes on. */
export const versionOf = (object: Fields): string => text(metadataOf(object), "resourceVersion");

function text(fields: Fields, key: string): string {
  const value = own(fields, key);
  if (typeof value !== "string") throw new Error(`an object came without metadata.${key}`);
  return value;
}
