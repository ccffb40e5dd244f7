import { wireAnswer, type WireAnswer } from "../kit/http-message.ts";

/** What a path answers with, and since when, in milliseconds since the epoch. */
export interface Content {
  readonly body: string;
  readonly modifiedAt: number;
}

/** EC2's reason phrases for the statuses used here. Its 405 differs from RFC 9110's. */
const REASON: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Not Allowed",
  503: "Service Unavailable",
};

/** Tools recognise EC2's service by this header. */
const SERVER = { Server: "EC2ws" };

/** As EC2 answers it: plain text, JSON as well, and no line break at the end. */
export function found({ body, modifiedAt }: Content): WireAnswer {
  const lastModified = new Date(modifiedAt).toUTCString();
  const headers = { ...SERVER, "Accept-Ranges": "none", "Last-Modified": lastModified };
  return wireAnswer(200, "text/plain", body, headers);
}

/** @param ttlSeconds how long the token is valid, which SDKs read from the header */
export function issued(token: string, ttlSeconds: number): WireAnswer {
  const headers = { ...SERVER, "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": String(ttlSeconds) };
  return wireAnswer(200, "text/plain", token, headers);
}

/**
 * EC2's error page: the status and nothing else.
 * @param why for a person with curl, where EC2 has no answer of its own; only printable ASCII is kept
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
  return wireAnswer(status, "text/html", body, SERVER);
}

/** For a method that the path does not have. EC2 sends no page with it. */
export function notAllowed(allow: string): WireAnswer {
  const headers = { ...SERVER, Allow: allow, "Content-Type": "text/plain", "Content-Length": "0" };
  return { status: 405, headers, body: "" };
}

/** JSON in EC2's layout, which scripts parse with grep and sed: one field a line, blanks around the colon. */
export function ec2Json(fields: Readonly<Record<string, string>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `  "${name}" : ${JSON.stringify(value)}`);
  return `{\n${lines.join(",\n")}\n}`;
}

const escaped = (text: string): string =>
  text
    .replaceAll(/[^\x20-\x7E]/g, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;");
