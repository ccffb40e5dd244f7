import type { WireAnswer } from "../wire/answers.ts";

/** What a path answers with, and since when it says so, in milliseconds since the epoch. */
export interface Content {
  readonly body: string;
  readonly modifiedAt: number;
}

/** EC2's words for the statuses that are used here; its 405 is not RFC 9110's. */
const REASON: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Not Allowed",
  503: "Service Unavailable",
};

/** Tools look at `Server` to tell EC2's service from whatever else may answer at its address. */
const SERVER = { Server: "EC2ws" };

/** As EC2 answers it: plain text, JSON as well, and no line break at the end. */
export function found({ body, modifiedAt }: Content): WireAnswer {
  const headers = {
    ...SERVER,
    "Content-Type": "text/plain",
    "Accept-Ranges": "none",
    "Last-Modified": new Date(modifiedAt).toUTCString(),
    "Content-Length": String(Buffer.byteLength(body)),
    "Cache-Control": "no-store",
  };
  return { status: 200, headers, body };
}

/** @param ttlSeconds how long the token is good for, which SDKs read from the header */
export function issued(token: string, ttlSeconds: number): WireAnswer {
  const headers = {
    ...SERVER,
    "Content-Type": "text/plain",
    "Content-Length": String(token.length),
    "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": String(ttlSeconds),
    "Cache-Control": "no-store",
  };
  return { status: 200, headers, body: token };
}

/**
 * EC2's error page: the status and nothing else.
 * @param why for a person with curl, where EC2 has no answer of its own to be like; printable ASCII survives
 */
export function errorPage(status: number, why?: string): WireAnswer {
  const title = `${status} - ${REASON[status] ?? "Error"}`;
  const more = why === undefined ? "" : `  <p>${escaped(why)}</p>\n`;
  const body = `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
	"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>${title}</title>
 </head>
 <body>
  <h1>${title}</h1>
${more} </body>
</html>
`;
  const headers = {
    ...SERVER,
    "Content-Type": "text/html",
    "Content-Length": String(Buffer.byteLength(body)),
    "Cache-Control": "no-store",
  };
  return { status, headers, body };
}

/** For a method that the path does not have. EC2 sends no page with this one. */
export function notAllowed(allow: string): WireAnswer {
  const headers = { ...SERVER, Allow: allow, "Content-Type": "text/plain", "Content-Length": "0" };
  return { status: 405, headers, body: "" };
}

/** JSON in EC2's layout, which scripts cut apart with grep and sed: one field a line, blanks around the colon. */
export function ec2Json(fields: Readonly<Record<string, string>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `  "${name}" : ${JSON.stringify(value)}`);
  return `{\n${lines.join(",\n")}\n}`;
}

const escaped = (text: string): string =>
  text
    .replaceAll(/[^\x20-\x7E]/g, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;");
