"""Make the password of an IAM login to a cache: a presigned request, made offline.

Source: aws/README: IAM token; held to its vectors by a test.
"""

from __future__ import annotations

from urllib.parse import urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

SERVICE = "elasticache"
LIFETIME_S = 900
"""Seconds; the longest that ElastiCache takes. Temporary credentials may end it sooner."""


def iam_token(
    cache_name: str,
    user_id: str,
    region: str,
    credentials: ReadOnlyCredentials,
    *,
    serverless: bool = True,
) -> str:
    """Make the token with which `user_id` logs in to a cache for the next 15 minutes.

    The cache name is signed in lower case, as AWS demands; no call leaves this machine.
    """
    query = {"Action": "connect", "User": user_id}
    if serverless:
        query["ResourceType"] = "ServerlessCache"
    request = AWSRequest("GET", f"https://{cache_name.lower()}/?{urlencode(query)}")
    SigV4QueryAuth(credentials, SERVICE, region, expires=LIFETIME_S).add_auth(request)
    return str(request.url).removeprefix("https://")
