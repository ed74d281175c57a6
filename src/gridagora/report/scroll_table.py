"""A table on a page that scrolls on its own, by keyboard too, and says what it is."""

from html import escape


def scroll_table(caption: str, head: str, body: str, kind: str = "") -> str:
    """Return a table as HTML; `head` is its row of headings, `body` its other rows, `kind` its classes."""
    said, style = escape(caption), f' class="{kind}"' if kind else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{said}">'
        f'<table{style}><caption class="heard">{said}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
