"""An altair chart that needs no network: what draws it comes with it."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any
from uuid import uuid4

import altair as alt

__all__ = ["InteractiveChart"]


class InteractiveChart(alt.VConcatChart):
    """An altair chart, whose pages hold the scripts that draw it, where altair's own would load them from a network.

    In a notebook that is not trusted, or where scripts do not run, a picture of it is shown instead. Without
    ``vl-convert-python``, which has the scripts, or with a renderer that the caller chose (``altair.renderers``), it is
    shown as altair does.
    """

    def _repr_mimebundle_(self, *args: Any, **how: Any) -> Any:
        if alt.renderers.active != "default":
            return super()._repr_mimebundle_(*args, **how)
        try:
            import vl_convert
        except ImportError:
            return super()._repr_mimebundle_(*args, **how)
        specification = self.to_dict()
        picture = base64.b64encode(vl_convert.vegalite_to_png(specification)).decode()
        # no name of an arm may end the script
        data = json.dumps(specification).replace("<", "\\u003c")
        name = f"chart-{uuid4().hex}"
        # the scripts declare names of their own, which a second chart on the page would declare again
        script = (
            f'(() => {{ {_scripts()} }})();vegaEmbed("#{name}", {data}, {{mode: "vega-lite"}}).catch(console.error);'
        )
        page = (
            f'<div id="{name}" style="overflow-x: auto"><img alt="" src="data:image/png;base64,{picture}"></div>'
            f"<script>{script}</script>"
        )
        return {"text/html": page, "text/plain": repr(self)}

    def save(self, *args: Any, **how: Any) -> None:
        """Save it as altair does; a page of HTML loads nothing, unless ``inline=False`` asks for a small one."""
        super().save(*args, **{"inline": True, **how})


@cache
def _scripts() -> str:
    import vl_convert

    # by its types, which are wrong, an argument is missing
    convert: Any = vl_convert
    scripts: str = convert.javascript_bundle()
    return scripts
