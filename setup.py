"""Adds the configs, which lie beside the package, to it; all else is in setup.cfg."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["jaxcolor", "jaxcolor.*"]),
        "jaxcolor.configs",
        *(f"jaxcolor.configs.{name}" for name in find_packages("configs")),
    ],
    package_dir={"jaxcolor.configs": "configs"},
)
