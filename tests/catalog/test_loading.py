"""Malformed catalogue files are refused with file and key."""

import shutil
from importlib import resources
from pathlib import Path

import pytest

from gigawatt.catalog.loading import read
from gigawatt.errors import CatalogError

RECORD = """
id = "box"
name = "Box"
vendor = "ACME"
form = "server"
announced = "2026"
volume-production = "2026"
status = "sold"
measured = false

[figures.hbm-capacity]
value = "10 GB"
grade = "official"
sources = ["paper"]
date = "2026"
"""
SOURCE = """
[paper]
publisher = "ACME"
url = "https://acme.example/"
date = "2026"
tier = "official"
seen = "direct"
url-precision = "page"
"""


def folder_with(tmp_path: Path, *, record: str = RECORD, source: str = SOURCE, name: str = "box.toml") -> Path:
    (tmp_path / "platforms").mkdir()
    (tmp_path / "sources").mkdir()
    (tmp_path / "platforms" / name).write_text(record)
    (tmp_path / "sources" / "all.toml").write_text(source)
    return tmp_path


def test_a_small_catalogue_loads(tmp_path):
    catalog = read(folder_with(tmp_path))
    assert catalog.figure("platforms/box/hbm-capacity").sources[0].publisher == "ACME"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('vendor = "ACME"', 'vendr = "ACME"', "vend"),
        ('value = "10 GB"', "value = 10", "figures.hbm-capacity.value"),
        ('value = "10 GB"', 'value = "much"', "figures.hbm-capacity.value"),
        ('value = "10 GB"', "", "figures.hbm-capacity"),
        ('grade = "official"', 'grade = "sure"', "figures.hbm-capacity.grade"),
        ('grade = "official"', 'grade = "unknown"', "figures.hbm-capacity"),
        ('grade = "official"', 'grade = "assumed"', "figures.hbm-capacity"),
        ('sources = ["paper"]', "sources = []", "figures.hbm-capacity"),
        ('sources = ["paper"]', 'sources = ["rumour"]', "platforms/box/hbm-capacity"),
        ("[figures.hbm-capacity]", "[figures.HBM_capacity]", "HBM_capacity"),
        ('date = "2026"\n', 'date = "2026"\nvalue-2 = 1\n', "value-2"),
        ('id = "box"', 'id = "crate"', "id"),
        ('id = "box"', 'id = "box', "box.toml"),
        (
            'date = "2026"\n',
            'date = "2026"\n[[figures.hbm-capacity.alternatives]]\nid = "b"\nvalue = "9 GB"\ngrade = "official"\n'
            'sources = ["paper"]\ndate = "2026"\n',
            "figures.hbm-capacity",
        ),
    ],
)
def test_malformed_records_are_refused_with_file_and_key(tmp_path, old, new, where):
    with pytest.raises(CatalogError) as caught:
        read(folder_with(tmp_path, record=RECORD.replace(old, new, 1)))
    assert "platforms/box.toml" in caught.value.where
    assert where in caught.value.where


def test_a_source_without_address_is_refused(tmp_path):
    with pytest.raises(CatalogError, match=r"sources/all.toml, paper, url"):
        read(folder_with(tmp_path, source=SOURCE.replace("https://acme.example/", "the shop")))


def test_the_hash_follows_the_content(tmp_path):
    copy = tmp_path / "data"
    with resources.as_file(resources.files("gigawatt.catalog") / "data") as shipped:
        shutil.copytree(shipped, copy)
    original = read(copy).sha256
    assert read(copy).sha256 == original
    file = copy / "platforms" / "vr-nvl72.toml"
    file.write_text(file.read_text().replace("230 kW", "231 kW"))
    assert read(copy).sha256 != original
