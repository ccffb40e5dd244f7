/**
 * A pod's surroundings, in the node's network namespace: an STS, an S3 that shows whose keys it was called with, and at
 * EC2's addresses the node's metadata service, which has the node's credentials.
 * `node surroundings.ts`; prints `ready` once all of it listens, and ends with its standard input.
 */
import { createServer, type Server } from "node:http";
import { stsStandIn } from "../../injector/cli/demo/aws/sts.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { imdsEndpoint } from "../../sidecar/imds/endpoint.ts";
import { tokensOf } from "../../sidecar/imds/token.ts";
import { Secret } from "../../sidecar/kit/secret.ts";
import { listen } from "../../sidecar/wire/server.ts";
import { NODE, NODE_IP, NODE_ROLE_ARN, S3_PORT, STS_PORT, WEB_TOKEN } from "./names.ts";

const identity = { subject: "system:serviceaccount:billing:reader", audience: "sts.amazonaws.com" };
const sts = await stsStandIn({ host: NODE_IP, port: STS_PORT, tokens: { [WEB_TOKEN]: identity } });

/** The owner of the keys is the name of the only bucket. */
const s3 = createServer((request, response) => {
  const id = /(?:Credential=|AWS )(\w+)/.exec(request.headers.authorization ?? "")?.[1];
  const keys = sts.issued.find(({ accessKeyId }) => accessKeyId === id);
  const isWhole = keys !== undefined && request.headers["x-amz-security-token"] === keys.sessionToken;
  const bucket = isWhole ? (keys.arn.split("/")[1] ?? "") : "";
  response
    .writeHead(isWhole ? 200 : 403, { "Content-Type": "application/xml" })
    .end(
      isWhole
        ? `<?xml version="1.0"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>1</ID></Owner>` +
            `<Buckets><Bucket><Name>${bucket}</Name><CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>`
        : "<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
    );
});
await listen(s3, S3_PORT, NODE_IP);

const issued = sts.issue(NODE.session, 3600);
const answer = imdsEndpoint({
  roleArn: NODE_ROLE_ARN,
  credentials: async () => ({
    accessKeyId: issued.accessKeyId,
    secretAccessKey: new Secret(issued.secretAccessKey),
    sessionToken: new Secret(issued.sessionToken),
    expiresAt: issued.expiresAt,
    issuedAt: Date.now(),
    roleArn: NODE_ROLE_ARN,
    accountId: "999999999999",
  }),
  knownSince: Date.now(),
  facts: { region: "eu-west-1", instanceId: "i-0123456789abcdef0", localIpv4: "192.0.2.7" },
  tokens: tokensOf(Buffer.alloc(32, 1), () => Date.now()),
  v1: "allowed",
  nodeLeaves: new Map(),
});
function node(): Server {
  return createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    void answer({ method, path: url, headers }).then(({ status, headers: sent, body }) =>
      response.writeHead(status, sent).end(body),
    );
  });
}
await Promise.all(METADATA_ADDRESSES.map((address) => listen(node(), 80, address)));

process.stdin.resume().once("end", () => process.exit(0));
process.stdout.write("ready\n");
