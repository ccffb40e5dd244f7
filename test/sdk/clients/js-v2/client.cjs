// A pod's program on the AWS SDK for JavaScript v2: one client, its default chain, one call for each line of standard
// input. This SDK takes an endpoint in code only.
const { createInterface } = require("node:readline");
const { STS } = require("aws-sdk");

const sts = new STS({ endpoint: process.env["AWS_ENDPOINT_URL_STS"] });

async function main() {
  for await (const _ of createInterface({ input: process.stdin })) {
    const answer = await sts
      .getCallerIdentity()
      .promise()
      .then(
        ({ Arn }) => ({ arn: Arn }),
        ({ code, message }) => ({ error: `${code}: ${message}` }),
      );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
void main();
