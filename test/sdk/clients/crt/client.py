"""A pod's program on the AWS Common Runtime (aws-c-auth), which SDKs for C++, Swift and PHP lean on: one default chain,
and for each line of standard input one GetCallerIdentity that it signs. The runtime has no STS client of its own."""

import io as streams
import json
import os
import re
import sys
import urllib.error
import urllib.request

from awscrt import auth, http, io

ENDPOINT = os.environ["AWS_ENDPOINT_URL_STS"]
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"

provider = auth.AwsCredentialsProvider.new_default_chain()


def caller_arn() -> str:
    headers = http.HttpHeaders(
        [
            ("Host", ENDPOINT.removeprefix("http://")),
            ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("Content-Length", str(len(BODY))),
        ]
    )
    request = http.HttpRequest("POST", "/", headers, io.InputStream(streams.BytesIO(BODY)))
    config = auth.AwsSigningConfig(
        credentials_provider=provider, region=os.environ["AWS_REGION"], service="sts"
    )
    auth.aws_sign_request(request, config).result()
    sent = urllib.request.Request(ENDPOINT, data=BODY, headers=dict(headers), method="POST")
    with urllib.request.urlopen(sent) as answered:
        return re.search(r"<Arn>(.+?)</Arn>", answered.read().decode()).group(1)


for _ in sys.stdin:
    try:
        answer = {"arn": caller_arn()}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
