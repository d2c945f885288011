"""Operations on ElastiCache's serverless caches."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from discovery.sandbox.aws.region import FULL_VERSIONS
from discovery.sandbox.aws.services import elasticache_groups as groups
from discovery.sandbox.aws.services.elasticache import (
    invalid_combination,
    invalid_value,
    read_tags,
    service,
)
from discovery.sandbox.aws.services.elasticache_resources import CACHES
from discovery.sandbox.aws.services.service import ApiCall, Parameters
from discovery.sandbox.aws.values import Cache

_STORED = ("CacheUsageLimits", "KmsKeyId", "SnapshotRetentionLimit", "DailySnapshotTime")
"""Members that the sandbox keeps and answers, and does nothing with."""

_SNAPSHOTS = ("SnapshotRetentionLimit", "DailySnapshotTime", "SnapshotArnsToRestore")

_MODIFICATIONS: tuple[frozenset[str], ...] = (
    frozenset({"Description"}),
    frozenset({"CacheUsageLimits"}),
    frozenset({"UserGroupId", "RemoveUserGroup"}),
    frozenset({"SecurityGroupIds"}),
    frozenset({"SnapshotRetentionLimit"}),
    frozenset({"DailySnapshotTime"}),
    frozenset({"Engine", "MajorEngineVersion"}),
)
"""What one request may modify: members of one of these."""


def to_response(call: ApiCall, cache: Cache) -> Mapping[str, Any]:
    """Return the cache as answers show it. Tags are not among its members.

    Members that the installed botocore does not know yet (NetworkType, ConnectionType) are left out
    on the wire.
    """
    del call
    has_endpoint = cache.status != "create-failed"
    endpoint = {"Address": cache.host, "Port": cache.port} if has_endpoint else None
    reader = {"Address": cache.host, "Port": cache.reader_port} if has_endpoint else None
    return {
        "ServerlessCacheName": cache.name,
        "Description": cache.description,
        "CreateTime": cache.created_at,
        "Status": cache.status,
        "Engine": cache.engine,
        "MajorEngineVersion": cache.major_version,
        "FullEngineVersion": cache.full_version,
        "SecurityGroupIds": cache.security_group_ids,
        "Endpoint": endpoint,
        "ReaderEndpoint": reader,
        "ARN": cache.arn,
        "UserGroupId": cache.user_group_id,
        "SubnetIds": cache.subnet_ids,
        "NetworkType": "ipv4",
        "ConnectionType": "public" if cache.is_public else "vpc",
        **cache.settings,
        **cache.wire,
    }


@service.operation("DescribeServerlessCaches")
def describe(call: ApiCall) -> Mapping[str, Any]:
    """List one named cache, or all of them by pages."""
    return CACHES.page(call, CACHES.requested(call), to_response)


@service.operation("CreateServerlessCache")
def create(call: ApiCall) -> Mapping[str, Any]:
    """Create a cache, `creating` until it is available."""
    params, region = call.params, call.region
    name = CACHES.new_name(call)
    engine, version = _engine(params.text("Engine"), params.optional_text("MajorEngineVersion"))
    _check_snapshots(params, engine)
    group_id = groups.check_attachable(call, params.optional_text("UserGroupId"), engine)
    tags = read_tags(params.structures("Tags"))
    new = region.new_cache(name, engine=engine, version=version, at=call.now)
    cache = replace(
        new,
        user_group_id=group_id,
        subnet_ids=_subnets(call),
        security_group_ids=params.texts("SecurityGroupIds") or new.security_group_ids,
        description=params.text("Description"),
        settings=_settings(params, {}),
    )
    return {"ServerlessCache": to_response(call, CACHES.create(call, cache, tags))}


@service.operation("ModifyServerlessCache")
def modify(call: ApiCall) -> Mapping[str, Any]:
    """Change one setting of a cache, which is `modifying` for a while."""
    params = call.params
    cache = CACHES.named(call)
    CACHES.check_status(cache)
    _check_one_modification(params)
    _check_snapshots(params, cache.engine)
    engine, version, full_version = _new_engine(cache, params)
    modified = replace(
        cache,
        engine=engine,
        major_version=version,
        full_version=full_version,
        user_group_id=_new_group(call, cache),
        security_group_ids=params.texts("SecurityGroupIds") or cache.security_group_ids,
        description=params.text("Description", cache.description),
        settings=_settings(params, cache.settings),
    )
    return {"ServerlessCache": to_response(call, CACHES.modify(call, modified))}


@service.operation("DeleteServerlessCache")
def delete(call: ApiCall) -> Mapping[str, Any]:
    """Delete a cache, which is `deleting` for a while."""
    cache = CACHES.named(call)
    CACHES.check_status(cache, "available", "create-failed")
    if "FinalSnapshotName" in call.params and cache.engine == "memcached":
        raise invalid_combination("Snapshots are not supported for engine memcached")
    return {"ServerlessCache": to_response(call, CACHES.delete(call, cache))}


def _engine(engine: str, version: str | None) -> tuple[str, str | None]:
    lowered = engine.lower()
    if lowered not in FULL_VERSIONS:
        raise invalid_value(f"Engine {engine} is not one of {', '.join(sorted(FULL_VERSIONS))}")
    if version is not None and version not in FULL_VERSIONS[lowered]:
        raise invalid_value(f"MajorEngineVersion {version} is not offered for engine {lowered}")
    return lowered, version


def _new_engine(cache: Cache, params: Parameters) -> tuple[str, str, str]:
    if "Engine" not in params and "MajorEngineVersion" not in params:
        return cache.engine, cache.major_version, cache.full_version
    requested = params.optional_text("MajorEngineVersion")
    engine, version = _engine(params.text("Engine", cache.engine), requested)
    if engine != cache.engine and (cache.engine, engine) != ("redis", "valkey"):
        raise invalid_combination(f"Engine {cache.engine} cannot be changed to {engine}")
    versions = FULL_VERSIONS[engine]
    if version is None:
        version = cache.major_version if engine == cache.engine else list(versions)[-1]
    if engine == cache.engine and float(version) < float(cache.major_version):
        raise invalid_combination(
            f"MajorEngineVersion cannot be lowered from {cache.major_version} to {version}"
        )
    return engine, version, versions.get(version, version)


def _new_group(call: ApiCall, cache: Cache) -> str | None:
    if call.params.flag("RemoveUserGroup"):
        if "UserGroupId" in call.params:
            raise invalid_combination("UserGroupId and RemoveUserGroup cannot be used together")
        return None
    return groups.check_attachable(
        call, call.params.optional_text("UserGroupId"), cache.engine
    ) or (cache.user_group_id)


def _check_one_modification(params: Parameters) -> None:
    """Check that the request changes exactly one thing.

    Source: terraform-provider-aws #35897, #37499 (AWS's own message).
    """
    requested = {name for name, value in params.members.items() if value is not False}
    count = sum(1 for members in _MODIFICATIONS if requested & members)
    if count == 0:
        raise invalid_combination("No modifications were requested")
    if count > 1:
        raise invalid_combination(
            "Serverless Cache modifications only support modifying one field per request"
        )


def _check_snapshots(params: Parameters, engine: str) -> None:
    clash = [member for member in _SNAPSHOTS if params.members.get(member)]
    if engine == "memcached" and clash:
        raise invalid_combination(f"{clash[0]} is not supported for engine memcached")


def _settings(params: Parameters, earlier: Mapping[str, object]) -> Mapping[str, object]:
    return {**earlier, **{name: params.members[name] for name in _STORED if name in params}}


def _subnets(call: ApiCall) -> tuple[str, ...]:
    requested = call.params.texts("SubnetIds")
    if not requested:
        return call.region.default_subnet_ids
    unknown = [subnet_id for subnet_id in requested if subnet_id not in call.region.subnets]
    if unknown:
        raise invalid_value(f"Subnet not found: {unknown[0]}")
    if len({call.region.subnets[subnet_id].vpc_id for subnet_id in requested}) > 1:
        raise invalid_value("All subnets must belong to the same VPC")
    return requested
