"""A page of HTML that is complete in itself: it loads nothing, and is light or dark as its reader prefers."""

from __future__ import annotations

import html

from .colours import DARK, FAINT_INK, INK, PAPER, RULE

__all__ = ["html_page"]

#: The pages are paler than the pictures on light ones, and darker on dark ones.
_LIGHT_PAGE, _DARK_PAGE = "#ffffff", "#101112"

_STYLE = f"""
:root {{
  color-scheme: light dark;
  --ink: {INK}; --faint: {FAINT_INK}; --rule: {RULE}; --paper: {PAPER}; --page: {_LIGHT_PAGE};
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --ink: {DARK[INK]}; --faint: {DARK[FAINT_INK]}; --rule: {DARK[RULE]}; --paper: {DARK[PAPER]};
    --page: {_DARK_PAGE};
  }}
}}
body {{
  max-width: 1280px; margin: 0 auto; padding: 16px 16px 48px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", Arial, sans-serif;
  overflow-wrap: break-word;
}}
h1 {{ font-size: 1.6em; line-height: 1.25; margin: 0.6em 0 0.2em; }}
h2 {{ font-size: 1.2em; margin: 2em 0 0.6em; border-bottom: 1px solid var(--rule); }}
p, blockquote, ul {{ max-width: 75ch; }}
blockquote {{ margin: 0.8em 0; padding: 0.6em 1em; background: var(--paper); border-left: 4px solid var(--rule); }}
table {{ font-size: 14px; font-variant-numeric: tabular-nums; }}
td[style*="white-space: normal"] {{ min-width: 14em; }}
.faint {{ color: var(--faint); }}
.pictures {{ columns: 480px 2; column-gap: 24px; }}
.pictures figure {{ break-inside: avoid; }}
figure {{ margin: 0 0 24px; }}
figure svg {{ display: block; width: 100%; max-width: 720px; height: auto; }}
@media (max-width: 600px) {{ body {{ padding: 8px 8px 32px; }} }}
@media print {{ body {{ max-width: none; }} }}
"""


def html_page(title: str, content: str) -> str:
    """Return a whole page.

    Args:
        title: its title, as plain text.
        content: what its body holds, as HTML.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        # without a viewport, a phone shows the page as small as a desktop browser does
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n<body>{content}</body></html>\n"
    )
