"""Whatever a mouse can do on a page, keys can: the tab key comes by every control, in order and seen, and menus answer.

W3C, Web Content Accessibility Guidelines 2.2, success criteria 2.1.1, 2.1.2, 2.4.1, 2.4.3 and 2.4.7.
"""

import pytest

CONTROLS = "a[href], button, select, summary, input, [tabindex='0']"
WATCH = """
const all = [...document.querySelectorAll(arguments[0])].filter(each => each.checkVisibility());
window.passed = [];
document.addEventListener("focusin", event => {
  const style = getComputedStyle(event.target);
  window.passed.push([all.indexOf(event.target), style.outlineStyle]);
});
return all.length;
"""

CHOSEN = """
const box = document.activeElement;
return [box.selectedIndex, box.closest("figure").querySelector(".plot").innerHTML];
"""


@pytest.mark.parametrize("name", ["comparison", "sweep map"])
def test_the_tab_key_comes_by_every_control_in_order_and_seen(window, made, name):
    window.open(made(name))
    count = window.run(WATCH, CONTROLS)
    window.press("tab", count)
    passed = window.run("return window.passed")
    assert [place for place, _ in passed] == list(range(count))
    assert [place for place, outline in passed if outline == "none"] == []


def test_the_first_key_skips_to_the_results(window, made):
    window.open(made("comparison"))
    window.press("tab")
    window.press("enter")
    assert window.run("return location.hash") == "#main"


def test_menus_of_a_figure_answer_the_arrow_keys(window, made):
    window.visit(made("comparison"))
    count = window.run("return document.querySelectorAll('figure select').length")
    assert count >= 4
    for at in range(count):
        window.run("document.querySelectorAll('figure select')[arguments[0]].focus()", at)
        before, drawn = window.run(CHOSEN)
        window.press("down" if before == 0 else "up")
        window.settle()
        after, redrawn = window.run(CHOSEN)
        assert abs(after - before) == 1
        assert redrawn != drawn


def test_a_table_is_sorted_and_the_theme_switched_by_the_enter_key(window, made):
    window.visit(made("comparison"))
    window.run("document.querySelectorAll('.sortable thead button')[2].focus()")
    window.press("enter")
    told = "return document.activeElement.closest('th').getAttribute('aria-sort')"
    assert window.run(told) == "ascending"
    window.run("document.getElementById('theme').focus()")
    window.press("enter")
    assert window.run("return document.documentElement.dataset.theme") == "dark"


def test_words_that_are_explained_are_explained_to_the_keyboard_and_escape_hides_them(window, made):
    window.visit(made("comparison"))
    window.run("document.querySelector('.save').focus()")
    assert window.run("return document.getElementById('tip').checkVisibility()")
    window.press("escape")
    assert not window.run("return document.getElementById('tip').checkVisibility()")


def test_a_design_is_pinned_beside_the_names_by_the_enter_key(window, made):
    window.visit(made("comparison"))
    told = "return [...document.querySelectorAll('.sortable thead th.n')].map(head => head.textContent)"
    before = window.run(told)
    window.run("[...document.querySelectorAll('.pin')].at(-1).focus()")
    window.press("enter")
    assert window.run(told) == [before[-1], *before[:-1]]
    assert window.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    first = "return document.querySelector('.sortable tbody tr:not(.group) td.n').className"
    assert "pinned" in window.run(first)
    window.press("enter")
    assert window.run(told) == before
