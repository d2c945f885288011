"""Objects of Amazon S3, as far as a state snapshot needs them: whole, and under conditions.

Source: Amazon S3 API reference; user guide, conditional requests. Who may use a bucket of another
account is said by the bucket's policy, which is not evaluated here: nobody may.
"""

import re
from collections.abc import Mapping
from typing import Any

from discovery.sandbox.aws.buckets import Bucket, StoredObject
from discovery.sandbox.aws.errors import AwsError, CommonError, CommonErrorKind
from discovery.sandbox.aws.iam import is_allowed
from discovery.sandbox.aws.services.service import ApiCall, Service

service = Service(name="s3", signing_name="s3")

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _bucket(call: ApiCall) -> Bucket:
    name = call.params.text("Bucket")
    found = call.world.buckets.get(name)
    if found is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
    if found.owner != call.account.id:
        raise CommonError(CommonErrorKind.DENIED)
    return found


def _no_key() -> AwsError:
    return AwsError("NoSuchKey", "The specified key does not exist.", 404)


def _check_conditions(call: ApiCall, found: StoredObject | None) -> None:
    """Raises: AwsError, 412, or 404 for `If-Match` where there is nothing."""
    failed = AwsError(
        "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412
    )
    if call.params.optional_text("IfNoneMatch") == "*" and found is not None:
        raise failed
    wanted = call.params.optional_text("IfMatch")
    if wanted is not None and found is None:
        raise _no_key()
    if wanted is not None and found is not None and wanted != found.etag:
        raise failed


@service.operation("CreateBucket")
def create_bucket(call: ApiCall) -> Mapping[str, Any]:
    """Create a bucket."""
    name = call.params.text("Bucket")
    if not NAME.fullmatch(name):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.")
    found = call.world.buckets.get(name)
    if found is not None:
        raise AwsError(
            "BucketAlreadyOwnedByYou" if found.owner == call.account.id else "BucketAlreadyExists",
            "The requested bucket name is not available.",
            409,
        )
    call.world.add_bucket(name, call.account.id)
    return {"Location": f"/{name}"}


def _may_list(call: ApiCall) -> bool:
    """Return whether the caller may learn that an object is not there."""
    statements = call.account.policies.get(call.key.role_arn or call.key.principal_arn)
    bucket = f"arn:{call.account.partition.name}:s3:::{call.params.text('Bucket')}"
    return statements is None or is_allowed(
        statements, action="s3:ListBucket", resource=bucket, region=call.region.place.name
    )


@service.operation("GetObject")
def get_object(call: ApiCall) -> Mapping[str, Any]:
    """Answer an object whole; that there is none, only to who may list the bucket."""
    found = _bucket(call).objects.get(call.params.text("Key"))
    if found is None:
        raise _no_key() if _may_list(call) else CommonError(CommonErrorKind.DENIED)
    return {
        "Body": found.body,
        "ETag": found.etag,
        "LastModified": found.put_at,
    }


@service.operation("PutObject")
def put_object(call: ApiCall) -> Mapping[str, Any]:
    """Put an object, if the conditions hold."""
    bucket, key = _bucket(call), call.params.text("Key")
    _check_conditions(call, bucket.objects.get(key))
    made = bucket.objects[key] = StoredObject(call.params.members.get("Body", b""), call.now)
    return {"ETag": made.etag}


@service.operation("DeleteObject")
def delete_object(call: ApiCall) -> Mapping[str, Any]:
    """Delete an object, if the conditions hold; one that is not there is deleted already."""
    bucket, key = _bucket(call), call.params.text("Key")
    _check_conditions(call, bucket.objects.get(key))
    bucket.objects.pop(key, None)
    return {}
