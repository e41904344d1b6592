"""The templates: escaped whatever is put into them, strict about what is missing, with the words that every page uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import jinja2
from starlette.requests import Request
from starlette.responses import Response

from fleawatch import __version__
from fleawatch.web.answer import HTML, answer
from fleawatch.web.cells import COLUMNS, row_cells, state_of
from fleawatch.web.shown import age, clock, shown, span

_HERE: Final = Path(__file__).parent


class Templates:
    """Renders pages."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(
            version=__version__,
            age=age,
            clock=clock,
            shown=shown,
            span=span,
            row_cells=row_cells,
            state_of=state_of,
            columns=COLUMNS,
        )

    def page(self, request: Request, template: str, *, code: int = 200, **values: Any) -> Response:
        """A page of a template and its values."""
        body = self._environment.get_template(template).render(**values)
        return answer(request, body.encode(), HTML, status=code)
