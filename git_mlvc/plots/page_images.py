"""Images on the page: side by side, two of them over each other, and a series of them by step. Pure.

Those of a series are data of the page (`Images.data`), each once; its script puts those of a step into their places.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

from git_mlvc.plots.chart import joined
from git_mlvc.plots.gather import Figure
from git_mlvc.plots.page_text import attribute, text
from git_mlvc.plots.picture import Picture
from git_mlvc.plots.picture_series import Frame

_SMALL = 128  # pixels below which an image is enlarged, each pixel a square


class Images:
    """The images of all figures. `swatch`: the mark of a revision; "" where there is but one."""

    def __init__(self, swatch: Callable[[str], str]) -> None:
        self._swatch = swatch
        self._uris: dict[str, int] = {}
        self._series: list[object] = []
        self._places = 0

    @property
    def data(self) -> Mapping[str, object]:
        """What the script of the page needs: images by number, and of each series which ones at which step."""
        return {"images": list(self._uris), "series": self._series}

    def of(self, figure: Figure) -> list[str]:
        assert figure.pictures is not None
        if len(figure.frames) > 1:
            return self._by_step(figure, figure.frames)
        return self._beside(str(figure.path), figure.pictures)

    def _beside(self, path: str, pictures: Mapping[str, Picture]) -> list[str]:
        """Equal images are shown once."""
        groups = _groups({revision: one.data for revision, one in pictures.items()})
        parts = ['<div class="images">']
        choices = []
        for revisions in groups:
            name, label = self._name(), joined(revisions)
            one = pictures[revisions[0]]
            parts += [
                f"<figure>{self._caption(revisions)}",
                f'<img id="{name}"{_kind(one)} src="{one.uri}" alt="{attribute(f"{path}, {label}")}"></figure>',
            ]
            choices.append((name, label))
        parts.append("</div>")
        return parts + (_slider(choices) if len(choices) > 1 else [])

    def _by_step(self, figure: Figure, frames: Sequence[Frame]) -> list[str]:
        """Revisions with the same images at all steps are shown once."""
        revisions = dict.fromkeys(name for frame in frames for name in frame.pictures)
        groups = _groups({name: _images_of(name, frames) for name in revisions})
        parts = [
            f'<div class="series" data-series="{len(self._series)}">',
            '<label class="steps"><span>step</span>'
            f'<input type="range" min="0" max="{len(frames) - 1}" value="{len(frames) - 1}">'
            f"<output>{frames[-1].step:,}</output></label>",
            '<div class="images">',
        ]
        choices = []
        for group in groups:
            name, label = self._name(), joined(group)
            first = next(one.pictures[group[0]] for one in frames if group[0] in one.pictures)
            parts += [
                f"<figure>{self._caption(group)}",
                f'<img id="{name}"{_kind(first)} data-alt="{attribute(f"{figure.path}, {label}")}" alt="">',
                '<p class="absent" hidden>not at this step</p></figure>',
            ]
            choices.append((name, label))
        parts += ["</div>", *(_slider(choices) if len(choices) > 1 else []), "</div>"]
        shown = [
            [self._number(frame.pictures.get(group[0])) for group in groups] for frame in frames
        ]
        self._series.append({"steps": [frame.step for frame in frames], "frames": shown})
        return parts

    def _caption(self, revisions: Sequence[str]) -> str:
        swatches = "".join(map(self._swatch, revisions))
        if not swatches:
            return "<figcaption></figcaption>"
        same = ": the same" if len(revisions) > 1 else ""
        label = text(joined(revisions))
        return f"<figcaption>{swatches}<span>{label}{same}</span></figcaption>"

    def _name(self) -> str:
        self._places += 1
        return f"image-{self._places}"

    def _number(self, picture: Picture | None) -> int | None:
        return None if picture is None else self._uris.setdefault(picture.uri, len(self._uris))


def _groups(images: Mapping[str, Hashable]) -> list[list[str]]:
    """Return the revisions, those of equal images together."""
    found: dict[Hashable, list[str]] = {}
    for revision, one in images.items():
        found.setdefault(one, []).append(revision)
    return list(found.values())


def _images_of(revision: str, frames: Sequence[Frame]) -> Hashable:
    return tuple(
        frame.pictures[revision].data if revision in frame.pictures else b"" for frame in frames
    )


def _kind(picture: Picture) -> str:
    return ' class="small"' if 0 < picture.width < _SMALL else ""


def _slider(choices: Sequence[tuple[str, str]]) -> list[str]:
    """Two images over each other; how much of the upper one is seen is for the reader to say."""

    def options(chosen: int) -> str:
        return "".join(
            f'<option data-image="{name}"{" selected" if at == chosen else ""}>{text(label)}</option>'
            for at, (name, label) in enumerate(choices)
        )

    return [
        '<div class="compare"><div class="stack"><img class="below" alt=""><img class="top" alt="">'
        '<span class="rule"></span></div>',
        '<input type="range" min="0" max="100" value="50" aria-label="How much of the left image is shown">',
        f'<div class="sides"><select aria-label="Left image">{options(0)}</select>'
        f'<select aria-label="Right image">{options(1)}</select></div></div>',
    ]
