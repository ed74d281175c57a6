"""Run in the kernel before each page of the gallery: a figure enters the page as its numbers, which `_static/figures.js` draws.

So a page weighs some kilobytes, and all pages share one copy of the drawing program.
"""

import pandas as pd
import plotly.graph_objects as go
from IPython.core.getipython import get_ipython
from IPython.display import display_html


def show(figure: go.Figure) -> None:
    """Display a figure as JSON in a box of its height."""
    numbers = figure.to_json().replace("</", "<\\/")  # "</script>" in a text would end the box
    box = f'<div class="plotly-figure" style="min-height: {figure.layout.height or 450}px">'
    display_html(f'{box}<script type="application/json">{numbers}</script></div>', raw=True)


get_ipython().display_formatter.ipython_display_formatter.for_type(go.Figure, show)
pd.options.display.html.border = 0  # the theme draws the lines of a table
