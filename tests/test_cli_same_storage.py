"""`moorage storage copy` refuses to copy a storage onto itself, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from moorage.cli.starting import load
from moorage.cli.storage import _refuse_same

KEY = "AccountKey=a2V5"
AZURE = {"accountname": "acct", "container": "images", "accountkey": "a2V5"}
S3 = {"bucket": "images", "accesskey": "access", "secretkey": "secret"}


def refused(folder: Path, driver: str, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
    configurations = []
    for name, parameters in (("source", source), ("target", target)):
        path = folder / f"{name}.yml"
        # JSON is YAML.
        path.write_text(json.dumps({"version": 0.1, "storage": {driver: parameters}}))
        configurations.append(load(path))
    try:
        _refuse_same(*configurations)
    except SystemExit:
        return True
    return False


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ({"realm": "core.windows.net"}, {"realm": "core.chinacloudapi.cn"}),
        ({}, {"connectionstring": f"AccountName=other;{KEY}"}),
        (
            {"connectionstring": f"AccountName=acct;{KEY};BlobEndpoint=http://127.0.0.1:10000/one"},
            {"connectionstring": f"AccountName=acct;{KEY};BlobEndpoint=http://127.0.0.1:10000/two"},
        ),
        ({}, {"connectionstring": f"AccountName=acct;{KEY};EndpointSuffix=core.usgovcloudapi.net"}),
        ({}, {"container": "others"}),
        ({}, {"rootdirectory": "below"}),
    ],
)
def test_different_places_on_azure_are_not_the_same(
    tmp_path: Path, source: Mapping[str, str], target: Mapping[str, str]
) -> None:
    assert not refused(tmp_path, "azure", {**AZURE, **source}, {**AZURE, **target})


@pytest.mark.parametrize(
    "target",
    [
        {"connectionstring": f"accountname=acct;{KEY}"},
        {"serviceurl": "https://acct.blob.core.windows.net/"},
        {"accountname": "other", "connectionstring": f"AccountName=acct;{KEY}"},
        {"rootdirectory": "/"},
    ],
)
def test_a_place_on_azure_is_the_same_however_it_is_written(
    tmp_path: Path, target: Mapping[str, str]
) -> None:
    assert refused(tmp_path, "azure", AZURE, {**AZURE, **target})


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_buckets_of_one_name_in_clouds_kept_apart_are_not_the_same(tmp_path: Path, region: str) -> None:
    source, target = {**S3, "region": "eu-west-1"}, {**S3, "region": region}
    assert not refused(tmp_path, "s3", source, target)


def test_a_bucket_of_amazon_is_the_same_whatever_region_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, "s3", {**S3, "region": "eu-west-1"}, {**S3, "region": "us-east-1"})


def test_at_another_service_the_region_tells_nothing(tmp_path: Path) -> None:
    elsewhere = {**S3, "regionendpoint": "http://127.0.0.1:9000"}
    source, target = {**elsewhere, "region": "eu-west-1"}, {**elsewhere, "region": "cn-north-1"}
    assert refused(tmp_path, "s3", source, target)
