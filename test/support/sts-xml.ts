/** Answers of STS, written by hand: each test changes what it is about. */

export const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const NAMESPACE = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';

interface Fields {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: string;
  readonly arn: string;
}

export const FIELDS: Fields = {
  accessKeyId: "ASIAEXAMPLE",
  secretAccessKey: "wJalr/XUtnFEMI+K7=",
  sessionToken: "IQoJb3JpZ2luX2VjE+//==",
  expiration: "2026-11-28T23:00:00Z",
  arn: "arn:aws:sts::123456789012:assumed-role/reader/billing.api-0",
};

export function grantedXml(over: Partial<Fields> = {}): string {
  const all = { ...FIELDS, ...over };
  return `<?xml version="1.0" encoding="UTF-8"?>
<AssumeRoleResponse ${NAMESPACE}>
  <AssumeRoleResult>
    <AssumedRoleUser><AssumedRoleId>AROA:billing.api-0</AssumedRoleId><Arn>${escaped(all.arn)}</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${escaped(all.accessKeyId)}</AccessKeyId>
      <SecretAccessKey>${escaped(all.secretAccessKey)}</SecretAccessKey>
      <SessionToken>${escaped(all.sessionToken)}</SessionToken>
      <Expiration>${escaped(all.expiration)}</Expiration>
    </Credentials>
    <PackedPolicySize>6</PackedPolicySize>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleResponse>
`;
}

export const refusedXml = (code: string, message: string, type = "Sender"): string =>
  `<ErrorResponse ${NAMESPACE}>
  <Error><Type>${type}</Type><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message></Error>
  <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>
</ErrorResponse>
`;
