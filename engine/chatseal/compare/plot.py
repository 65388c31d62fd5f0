"""Plot: speed against size, as a picture: one point a tool and setting, chatseal's levels joined by a line.

Each tool has a shape of its own, and chatseal alone is filled and bold, so that nothing is lost in black and white. This module alone
needs matplotlib (`pip install 'chatseal[compare]'`)."""

from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from chatseal.compare.contest import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHAPES = {"age": "s", "zstd-gpg": "D", "gpg": "v", "restic": "P", "borg": "^", "rclone": "X"}
OWN: dict[str, Any] = {"color": "#0b4f8a", "marker": "o", "markersize": 8, "linewidth": 2.2, "zorder": 3}
OTHERS: dict[str, Any] = {
    "color": "#444444",
    "markerfacecolor": "white",
    "markersize": 7,
    "markeredgewidth": 1.2,
    "linewidth": 0.9,
    "linestyle": (0, (4, 3)),
}
GRID: dict[str, Any] = {"color": "#dddddd", "linewidth": 0.6}
UNCOMPRESSED = 0.97  # of the plaintext: whoever stores so much stands in a panel of its own, and leaves the others their room
TICKS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)  # MB/s
SIZE = (8.0, 5.0)  # inches
DPI = 160


def draw(outcomes: Sequence[Outcome], file: IO[bytes], kind: str, about: str) -> None:
    """Write a picture of *kind* (svg, png) to *file*. Its title says what *about* says."""
    with mpl.rc_context({"font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "chatseal", "font.family": "sans-serif"}):
        picture = _picture([outcome for outcome in outcomes if outcome.backup], about)
        picture.savefig(file, format=kind, dpi=DPI, metadata={"Date": None} if kind == "svg" else None)


def _picture(outcomes: Sequence[Outcome], about: str) -> Figure:
    picture = Figure(figsize=SIZE, layout="constrained")
    apart = [one for one in outcomes if _share(one) > UNCOMPRESSED]
    together = [one for one in outcomes if _share(one) <= UNCOMPRESSED]
    if apart and together:
        left, right = picture.subplots(1, 2, sharey=True, width_ratios=(7, 1))
        panels = [(left, together), (right, apart)]
        right.set_xlabel("not\ncompressed")
        right.set_xticks([100])
        right.set_xlim(98, 102)
        right.tick_params(left=False)
    else:
        left = picture.subplots()
        panels = [(left, list(outcomes))]
    left.set_yscale("log")
    for panel, shown in panels:
        _fill(panel, shown)
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    _rates(left, [one.backup.rate / 1e6 for one in outcomes if one.backup])
    left.margins(x=0.09)
    left.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    left.set_xlabel("stored, of the plaintext (smaller is to the left)")
    left.set_ylabel("MB of plaintext a second (faster is up)")
    picture.suptitle(f"First backup of {about}", fontsize=11)
    handles = {label: handle for panel, _ in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    picture.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False, columnspacing=1.4)
    return picture


def _fill(panel: "Axes", outcomes: Sequence[Outcome]) -> None:
    panel.grid(True, which="major", **GRID)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    for peer in dict.fromkeys(one.peer for one in outcomes):
        mine = sorted((one for one in outcomes if one.peer == peer), key=_share)
        points = [(100 * _share(one), one.backup.rate / 1e6) for one in mine if one.backup]
        own = peer.word not in SHAPES
        style = OWN if own else {**OTHERS, "marker": SHAPES[peer.word]}
        panel.plot(*zip(*points, strict=True), label=peer.name, **(style if len(points) > 1 else {**style, "linestyle": "none"}))
        for one, point in zip(mine, points, strict=True):
            level = one.setting.level
            if own:
                _name(panel, f"level {level}", point, above=True)
            else:
                _name(panel, str(level) if level is not None else one.setting.words if len(mine) > 1 else peer.name, point, above=False)


def _name(panel: "Axes", words: str, point: tuple[float, float], *, above: bool) -> None:
    """*words* in a white border, so that lines may cross behind them."""
    panel.annotate(
        words,
        point,
        xytext=(0, 9 if above else -14),
        textcoords="offset points",
        ha="center",
        fontsize=9 if above else 8,
        fontweight="bold" if above else "normal",
        color="black" if above else str(OTHERS["color"]),
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=4,
    )


def _rates(axes: "Axes", rates: Sequence[float]) -> None:
    """Ticks at plain numbers, and room above the fastest for its name."""
    axes.set_ylim(min(rates, default=1) / 1.5, max(rates, default=1) * 1.45)
    axes.set_yticks([tick for tick in TICKS if min(rates, default=1) / 1.5 <= tick <= max(rates, default=1) * 1.45])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())


def _share(outcome: Outcome) -> float:
    return outcome.backup.share if outcome.backup else 0.0
