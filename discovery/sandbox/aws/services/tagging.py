"""Resource Groups Tagging API: a lagging index of tags (aws/README: Tagging API)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from discovery.sandbox.aws.errors import AwsError, CommonErrorKind, ModeledError, WireError
from discovery.sandbox.aws.services.elasticache_tags import add_tags_to, remove_tags_from
from discovery.sandbox.aws.services.service import ApiCall, Parameters, Service

_INVALID = WireError("InvalidParameterException", 400, "Invalid parameter")

service = Service(
    name="resourcegroupstaggingapi",
    signing_name="tagging",
    wire_errors={
        CommonErrorKind.MISSING_MEMBER: _INVALID,
        CommonErrorKind.INVALID_MEMBER: _INVALID,
        CommonErrorKind.THROTTLED: WireError("ThrottledException", 400, "Rate exceeded"),
        CommonErrorKind.INTERNAL: WireError("InternalServiceException", 500, "Internal failure"),
    },
)

Row = tuple[str, Mapping[str, str]]


def _invalid(message: str) -> ModeledError:
    return ModeledError("InvalidParameterException", message)


@service.operation("GetResources")
def get_resources(call: ApiCall) -> Mapping[str, Any]:
    """List the resources that are or once were tagged, as the index sees them."""
    seen = sorted(call.region.tag_index.seen(call.now).items())
    named = call.params.texts("ResourceARNList")
    if named:
        _check_alone(call.params)
        return _answer([row for row in seen if row[0] in named], "")
    wanted = [row for row in seen if _is_wanted(row, call.params)]
    page = call.page(
        wanted,
        key=lambda row: row[0],
        size=_page_size(call.params, wanted),
        token=call.params.optional_text("PaginationToken"),
        invalid=_invalid("Invalid PaginationToken"),
        expired=ModeledError("PaginationTokenExpiredException", "The PaginationToken has expired"),
    )
    return _answer(page.items, page.token or "")


def _check_alone(params: Parameters) -> None:
    others = ("ResourcesPerPage", "TagsPerPage", "PaginationToken", "TagFilters")
    clash = [name for name in (*others, "ResourceTypeFilters") if params.members.get(name)]
    if clash:
        raise _invalid(f"ResourceARNList can not be used with {', '.join(clash)}")


def _page_size(params: Parameters, rows: Iterable[Row]) -> int:
    size = params.number("ResourcesPerPage", 50)
    if not 1 <= size <= 100:
        raise _invalid("ResourcesPerPage must be between 1 and 100")
    if "TagsPerPage" not in params:
        return size
    if "ResourcesPerPage" in params:
        raise _invalid("ResourcesPerPage and TagsPerPage can not be used together")
    most_tags = params.number("TagsPerPage", 100)
    if not 100 <= most_tags <= 500 or most_tags % 100:
        raise _invalid("TagsPerPage must be one of 100, 200, 300, 400 and 500")
    # A page of whole resources that cannot hold too many tags, whichever they are.
    return max(1, most_tags // max([1, *(len(tags) for _, tags in rows)]))


def _is_wanted(row: Row, params: Parameters) -> bool:
    arn, tags = row
    kinds = params.texts("ResourceTypeFilters")
    if kinds and not any(_is_of_kind(arn, kind) for kind in kinds):
        return False
    return all(_has_tag(tags, wanted) for wanted in params.structures("TagFilters"))


def _is_of_kind(arn: str, kind: str) -> bool:
    service_name, _, resource = kind.partition(":")
    parts = arn.split(":")
    return parts[2] == service_name and resource in ("", parts[5].partition("/")[0])


def _has_tag(tags: Mapping[str, str], wanted: Parameters) -> bool:
    key, values = wanted.text("Key"), wanted.texts("Values")
    return key in tags and (not values or tags[key] in values)


def _answer(rows: Iterable[Row], token: str) -> Mapping[str, Any]:
    mappings = [
        {
            "ResourceARN": arn,
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }
        for arn, tags in rows
    ]
    return {"PaginationToken": token, "ResourceTagMappingList": mappings}


@service.operation("TagResources")
def tag_resources(call: ApiCall) -> Mapping[str, Any]:
    """Add tags to resources; answer those that could not get them."""
    tags = call.params.pairs("Tags")
    return _for_each(call, lambda arn: add_tags_to(call, arn, tags, action="AddTagsToResource"))


@service.operation("UntagResources")
def untag_resources(call: ApiCall) -> Mapping[str, Any]:
    """Remove tags from resources; answer those that could not be changed."""
    keys = call.params.texts("TagKeys")
    return _for_each(
        call, lambda arn: remove_tags_from(call, arn, keys, action="RemoveTagsFromResource")
    )


def _for_each(call: ApiCall, change: Callable[[str], object]) -> Mapping[str, Any]:
    failed = {}
    for arn in call.params.texts("ResourceARNList"):
        try:
            change(arn)
        except (AwsError, ModeledError) as error:
            failed[arn] = {
                "StatusCode": 400,
                "ErrorCode": "InvalidParameterException",
                "ErrorMessage": error.message,
            }
    return {"FailedResourcesMap": failed}
