"""The rows of the table, the machine above it, and how both are printed."""

import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HEADINGS = ("What", "Measured", "Compared with", "Ratio", "Limit", "")


@dataclass(frozen=True)
class Limit:
    """What a figure has to keep to; without a unit it is a ratio."""

    sign: str
    bound: float
    unit: str = ""

    def holds(self, value: float) -> bool:
        return value >= self.bound if self.sign == "≥" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:,g} {self.unit}".rstrip()


def at_least(bound: float, unit: str = "") -> Limit:
    return Limit("≥", bound, unit)


def at_most(bound: float, unit: str = "") -> Limit:
    return Limit("≤", bound, unit)


@dataclass(frozen=True)
class Row:
    """One figure, a median unless it says otherwise, and whether it keeps to its limit.

    A row without a limit explains the one above it.
    """

    what: str
    measured: str
    value: float
    """What the limit is for: the measured figure, or its ratio to what it is compared with."""
    limit: Limit | None = None
    compared_with: str = ""

    @property
    def ok(self) -> bool:
        return self.limit is None or self.limit.holds(self.value)

    @property
    def cells(self) -> tuple[str, ...]:
        ratio = f"{self.value:.2f}" if self.compared_with else ""
        verdict = "ok" if self.ok else "MISSED"
        judged = (str(self.limit), verdict) if self.limit else ("", "")
        return self.what, self.measured, self.compared_with, ratio, *judged


def as_text(rows: Sequence[Row]) -> str:
    """Columns as wide as their widest cell."""
    lines = [HEADINGS, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    ruled = [lines[0], tuple("-" * width for width in widths), *lines[1:]]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in ruled
    )


def as_markdown(rows: Sequence[Row]) -> str:
    """A table for the README."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """What the figures depend on: they compare only with those of the same run."""
    return (
        f"{os.cpu_count()} cores, {_cpu()}; Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {platform.system()} {platform.release()}; "
        f"load average at the start {os.getloadavg()[0]:.1f}"
    )


def _cpu() -> str:
    """The processor's name: Linux alone keeps it from `platform`."""
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
