"""Prints pins of the lowest versions that pyproject.toml allows, for `make oldest`: a lower bound
that was never tried is a guess."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def pins(*projects: Path) -> list[str]:
    """One line for each direct dependency, as pip's --constraint takes it. ValueError for a
    requirement without a lower bound, and for two bounds of one package."""
    told = [tomllib.loads(project.read_text()) for project in projects]
    ours = tuple(each["project"]["name"] + "[" for each in told)
    groups = [
        group
        for each in told
        for group in (
            each["build-system"]["requires"],
            each["project"]["dependencies"],
            *each["project"]["optional-dependencies"].values(),
        )
    ]
    found: dict[str, str] = {}
    for requirement in (text for group in groups for text in group):
        if requirement.startswith(ours):
            continue  # extras of our own, and our own package
        match = re.match(r"([A-Za-z0-9_.-]+)\s*(?:>=|==)\s*([A-Za-z0-9.]+)", requirement)
        if match is None:
            raise ValueError(f"{requirement!r} has no lower bound")
        name, version = match.groups()
        if found.setdefault(name, version) != version:
            raise ValueError(f"{name} has two lower bounds, {found[name]} and {version}")
    return [f"{name}=={version}" for name, version in sorted(found.items())]


if __name__ == "__main__":
    try:
        root = Path(__file__).parent.parent
        both = root / "pyproject.toml", root / "src/picosim/pyproject.toml"
        print("\n".join(pins(*both)))
    except ValueError as error:
        sys.exit(f"pyproject.toml: {error}")
