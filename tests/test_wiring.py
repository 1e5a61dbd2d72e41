"""The drawings in docs/images are what tools/wiring_svg.py makes, right, and readable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
IMAGES = sorted((ROOT / "docs" / "images").glob("*.svg"))
WIDE = 0.66  # of the height of the type: more than most letters take in any usual font


def test_they_are_current() -> None:
    tool = ROOT / "tools" / "wiring_svg.py"
    done = subprocess.run(
        [sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(IMAGES) == 4


def test_each_wire_joins_what_belongs_together() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from wiring_svg import DRAWINGS
    finally:
        sys.path.pop(0)
    for about, left, right in DRAWINGS.values():
        ends = {pin.wire: pin for pin in right.pins if pin.wire}
        if "sda" in ends:
            assert {pin.wire for pin in left.pins if pin.wire} == {"sda", "scl", "gnd"} == set(ends)
            for pin in left.pins:
                if pin.wire:
                    assert (
                        pin.wire.upper() in pin.label and pin.wire.upper() in ends[pin.wire].label
                    )
            continue
        assert {"there", "back", "gnd"} == set(ends)
        for pin in left.pins:
            if pin.wire == "gnd":
                assert pin.label == ends["gnd"].label == "GND"
            elif pin.wire:
                ways = [pin.label, ends[pin.wire].label]
                assert sum("TX" in way for way in ways) == sum("RX" in way for way in ways) == 1
        assert "GP1" in about


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_no_word_lies_over_another_or_outside(image: Path) -> None:
    root = ElementTree.parse(image).getroot()
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert width <= 360, "wider than a phone"
    boxes = []
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        kind, words = text.attrib.get("class", ""), text.text or ""
        size = 15 if "title" in kind else 11 if "number" in kind else 13
        wide = WIDE * size * len(words)
        left = float(text.attrib["x"]) - wide * {"end": 1, "middle": 0.5}.get(
            text.attrib["text-anchor"], 0
        )
        bottom = float(text.attrib["y"])
        assert left >= 0 and left + wide <= width and size <= bottom <= height, words
        boxes.append((left, left + wide, bottom - size, bottom, words))
    assert len(boxes) > 12
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = one[1] <= other[0] or other[1] <= one[0]
            assert apart or one[3] <= other[2] or other[3] <= one[2], (one, other)
