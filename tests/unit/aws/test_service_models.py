"""The short model of EC2 is what the SDK's own says of the calls that are made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from discovery.aws import service_models
from discovery.aws.service_models import FILE, OPERATIONS, ServiceLoader, made_file
from discovery.aws.session import _METHODS


def loaded(paths: list[str], service: str = "ec2") -> dict[str, Any]:
    return ServiceLoader(paths, ("ec2", "sts")).load_service_model(service, "service-2")


def test_the_short_model_is_made_from_the_installed_sdk() -> None:
    """With another SDK: `python -m discovery.aws.service_models`."""
    assert FILE.read_text("utf-8") == made_file()


def test_it_has_every_call_that_is_made() -> None:
    called = {action.removeprefix("ec2:") for action in _METHODS if action.startswith("ec2:")}
    assert called == set(OPERATIONS)


def test_the_short_model_is_loaded_and_other_services_are_whole() -> None:
    assert set(loaded([Loader.BUILTIN_DATA_PATH])["operations"]) == set(OPERATIONS)
    own = Loader().load_service_model("sts", "service-2")
    assert loaded([Loader.BUILTIN_DATA_PATH], "sts") == own


def test_another_version_of_the_sdk_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore, "__version__", "0.0.0")
    assert service_models.kept_model() is None
    assert len(loaded([Loader.BUILTIN_DATA_PATH])["operations"]) > 100


def test_a_model_of_the_user_comes_first(tmp_path: Path) -> None:
    version = tmp_path / "ec2" / "2099-01-01"
    version.mkdir(parents=True)
    [source] = Path(Loader.BUILTIN_DATA_PATH, "sts").glob("*/service-2.json.gz")
    shutil.copy(source, version)
    assert "AssumeRole" in loaded([str(tmp_path), Loader.BUILTIN_DATA_PATH])["operations"]


def test_a_service_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownServiceError):
        loaded([str(tmp_path)])
