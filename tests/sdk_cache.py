"""What the AWS SDK reads from its own files and derives from them, kept for all tests of a process.

The SDK does it anew for every session and client: 100 ms of CPU for each command of a test, and
70,000 objects of garbage. Nothing that is kept depends on configuration or credentials.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import botocore.hooks
import botocore.session
from aiobotocore.client import AioClientCreator
from botocore.loaders import create_loader

from discovery.aws import sdk_session
from discovery.aws.service_models import ServiceLoader

_loader = functools.cache(create_loader)
_accepts_kwargs = functools.cache(botocore.hooks.accepts_kwargs)
_alias = functools.cache(
    cast("Any", botocore.hooks.EventAliaser)(botocore.hooks.HierarchicalEmitter())._alias_event_name
)
_service_models: dict[tuple[Any, str], Any] = {}
_client_classes: dict[Any, type] = {}
"""By loader and service, and by model: a test may bring its own."""
_load_service_model: Callable[..., Any] = AioClientCreator._load_service_model
_create_client_class: Callable[..., Any] = AioClientCreator._create_client_class


def keep_what_the_sdk_reads() -> None:
    """From now on, and for this whole process, the SDK reads and derives each thing once.

    A second call changes nothing.
    """
    botocore.session.create_loader = _loader
    hooks: Any = botocore.hooks  # whose stubs tell nothing of what is private
    hooks.accepts_kwargs = _whether_it_accepts_kwargs
    hooks.EventAliaser._alias_event_name = lambda _, name: _alias(name)
    sdk_session.ServiceLoader = _service_loader  # type: ignore[assignment, attr-defined]
    AioClientCreator._load_service_model = _model_of
    AioClientCreator._create_client_class = _class_of


def _service_loader(paths: list[str], services: tuple[str, ...]) -> ServiceLoader:
    loader = _kept_service_loader(tuple(paths), services)
    loader.search_paths[:] = paths  # each session of aioboto3 appends to them
    return loader


@functools.cache
def _kept_service_loader(paths: tuple[str, ...], services: tuple[str, ...]) -> ServiceLoader:
    return ServiceLoader(list(paths), services)


def _whether_it_accepts_kwargs(function: Any) -> bool:
    # Of a bound method the function alone is kept, not the client that it belongs to.
    return bool(_accepts_kwargs(getattr(function, "__func__", function)))


def _model_of(creator: Any, service_name: str, api_version: str | None = None) -> Any:
    key = (creator._loader, service_name)
    if key not in _service_models:
        _service_models[key] = _load_service_model(creator, service_name, api_version)
    return _service_models[key]


async def _class_of(creator: Any, service_name: str, service_model: Any) -> Any:
    if service_model not in _client_classes:
        made = await _create_client_class(creator, service_name, service_model)
        _client_classes[service_model] = made
    return _client_classes[service_model]
