"""A pod's program on obstore, which is the object_store crate: one store, its default chain, one listing for each line of
standard input. An endpoint without TLS has to be allowed in code."""

import json
import os
import sys

from obstore.store import S3Store

store = None
for _ in sys.stdin:
    try:
        store = store or S3Store(
            "shop",
            endpoint=os.environ["AWS_ENDPOINT_URL_S3"],
            client_options={"allow_http": True},
            retry_config={"max_retries": 3},
        )
        answer = {"objects": len(store.list_with_delimiter()["objects"])}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
