"""A finished picture, which can be saved as a file and shown in a notebook, even a reopened or untrusted one."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from ..checks import PICTURE_SUFFIXES, check_suffix
from .page import html_page

__all__ = ["Picture"]


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A picture, which displays itself in a notebook, even in a reopened or untrusted one.

    Attributes:
        svg: the picture, as the text of an SVG file.
        title: what it shows, in one line.
        sketch: its content, as lines of plain text.
    """

    svg: str
    title: str
    sketch: str = ""

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file; the file name's extension chooses the format: .svg, .html, .png or .pdf.

        Raises:
            ImportError: .png and .pdf need ``vl-convert-python``, which is not installed.
            OSError: the file cannot be written.
            ValueError: the extension is not one of these.
        """
        kind = check_suffix(path, PICTURE_SUFFIXES)
        path = Path(path)
        if kind == ".svg":
            path.write_text(self.svg, encoding="utf-8")
        elif kind == ".html":
            path.write_text(html_page(self.title, self._repr_html_()), encoding="utf-8")
        else:
            path.write_bytes(self._converted(kind))

    def _converted(self, kind: str) -> bytes:
        try:
            import vl_convert
        except ImportError as error:
            raise ImportError(
                f"a {kind} file needs vl-convert-python: pip install 'aio-strategies[plot]'", name=error.name
            ) from error
        made: bytes = vl_convert.svg_to_png(self.svg, scale=2) if kind == ".png" else vl_convert.svg_to_pdf(self.svg)
        return made

    def __repr__(self) -> str:
        return f"{self.title}\n{self.sketch}".rstrip()

    def _repr_html_(self) -> str:
        # As an image, since an untrusted notebook strips <svg>. If it would be too small to read, as between the
        # sidebars of JupyterLab on a phone, it scrolls.
        data = base64.b64encode(self.svg.encode()).decode()
        return (
            f'<div style="overflow-x: auto"><img alt="{html.escape(self.title)}" '
            f'style="max-width: 100%; min-width: 340px; height: auto" src="data:image/svg+xml;base64,{data}"></div>'
        )
