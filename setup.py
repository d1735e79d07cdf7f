"""Reads name, version and requirements from settings.ini; everything else stands in pyproject.toml."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

config = ConfigParser(interpolation=None)
config.read(Path(__file__).parent / "settings.ini", encoding="utf-8")
settings = config["DEFAULT"]


def lines(key):
    return [line for line in settings[key].splitlines() if line.strip() and not line.startswith("#")]


setup(
    name=settings["lib_name"],
    version=settings["version"],
    url=settings["url"] or None,
    install_requires=lines("requirements"),
    extras_require={"dev": lines("dev_requirements")},
)
