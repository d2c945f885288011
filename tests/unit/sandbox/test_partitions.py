"""Regions and their short codes."""

import pytest

from discovery.sandbox.aws.partitions import PARTITIONS, short_code


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ("us-east-1", "use1"),
        ("us-west-2", "usw2"),
        ("eu-west-1", "euw1"),
        ("eu-central-1", "euc1"),
        ("ap-northeast-1", "apne1"),
        ("ap-southeast-2", "apse2"),
        ("cn-north-1", "cnn1"),
        ("cn-northwest-1", "cnw1"),
        ("us-gov-east-1", "usge1"),
    ],
)
def test_short_codes(region: str, code: str) -> None:
    assert short_code(region) == code


def test_the_numbers_of_regions() -> None:
    assert len(PARTITIONS["aws"].default_regions) == 17
    assert len(PARTITIONS["aws"].regions) == 34


def test_no_two_regions_share_a_code() -> None:
    regions = [region for partition in PARTITIONS.values() for region in partition.regions]
    assert len({short_code(region) for region in regions}) == len(regions)
