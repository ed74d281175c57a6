"""How far a run is: the page shows what was told and nothing that was not, and the server answers its own name alone."""

import json
from http.client import HTTPConnection

import pytest

from gridagora.core.errors import InputError
from gridagora.report import progress_page
from gridagora.report.progress import DONE, ProgressColumn, RunProgress, spell_duration
from gridagora.report.progress_server import serve_progress

GAIN = ProgressColumn("E1y", "gain", "$")


class Clock:
    """Seconds that a test sets."""

    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def seen(clock):
    return RunProgress(
        "A <run>", ["flat", "tou"], ["baseline", "flat", "tou", "bound"], [GAIN], clock
    )


def states(seen):
    return [row["state"] for row in seen.document()["designs"]]


def test_shares_grow_to_one_and_rows_are_filled_as_designs_end(seen):
    shares = [seen.document()["share"]]
    assert states(seen) == ["waits", "waits"]
    for stage in ("baseline", "flat", "tou", "bound"):
        for done in (0, 1, 2):
            seen.tell(stage, done, 2)
            shares.append(seen.document()["share"])
            if (stage, done) == ("tou", 1):
                assert states(seen) == ["done", "runs, 50 %"]
        if stage in ("flat", "tou"):
            seen.add(stage, {"E1y": {"flat": 0.0, "tou": -1.5}[stage]})
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert [row["cells"] for row in seen.document()["designs"]] == [["0.000"], ["−1.500"]]


def test_a_design_that_was_kept_from_before_is_done_without_a_step(seen):
    seen.add("flat", {"E1y": 0.0})
    assert seen.document()["share"] == 0.25
    seen.fail("tou", "no price")
    assert states(seen) == ["done", "failed: no price"]
    assert seen.document()["share"] == 0.5


def test_the_rest_of_a_stage_takes_as_long_as_what_is_done_of_it(seen, clock):
    seen.tell("baseline", 1, 1)
    clock.now_s = 10.0
    seen.tell("flat", 0, 100)
    clock.now_s = 20.0
    seen.tell("flat", 20, 100)  # 20 in 10 s: the other 80 take 40 s
    said = seen.document()["times"]
    assert "20 s so far" in said
    assert "about 40 s left of this stage" in said
    assert "about 47 s in all" in said  # 30 % in 20 s


def test_words_change_when_a_stage_does_and_not_with_every_step(seen):
    said = set()
    for done in range(50):
        seen.tell("tou", done, 50)
        said.add(seen.document()["said"])
    assert said == {"Time of use runs. 0 of 2 designs are done."}


def test_worlds_are_means_of_those_that_have_a_figure():
    seen = RunProgress("Worlds", ["flat"], ["worlds"], [GAIN])
    seen.tell("worlds", 2, 8)
    for value in (1.0, None, 3.0):
        seen.add("flat", {"E1y": value})
    seen.fail("flat", "no flow")
    (row,) = seen.document()["designs"]
    assert row["cells"] == ["2.000"] or row["cells"] == ["2"]
    assert row["state"] == "3 worlds; failed in 1: no flow"
    assert seen.document()["said"] == "Worlds run: 2 of 8 are done."


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7500, "2 h 5 min")]
)
def test_times_are_words(seconds, said):
    assert spell_duration(seconds) == said


def test_what_the_run_is_called_is_text_on_the_page(seen):
    seen.fail("tou", "</script><b>")
    text = progress_page.html(seen.document())
    assert "A &lt;run&gt;" in text
    assert "</script><b>" not in text
    assert text.count("</script>") == 2


def ask(server, path, host=None, method="GET"):
    link = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    try:
        link.request(method, path, headers={} if host is None else {"Host": host})
        answer = link.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        link.close()


def test_the_server_shows_progress_and_then_the_report(seen):
    with serve_progress(seen, 0) as server:
        assert server.server_address[0] == "127.0.0.1"
        assert "How far is the run?" in ask(server, "/")[1]
        status, text, headers = ask(server, "/progress.json")
        assert (status, json.loads(text)) == (200, seen.document())
        assert headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers
        assert ask(server, "/report")[0] == 404
        server.report = "<p>the report</p>"
        seen.close(DONE, "The run is done.")
        assert ask(server, "/report")[1] == ask(server, "/")[1] == server.report
        assert json.loads(ask(server, "/progress.json?again")[1])["state"] == "done"
        assert server.told_end.wait(5)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", ""])
def test_another_name_is_not_answered(seen, host):
    with serve_progress(seen, 0) as server:
        status, text, _ = ask(server, "/progress.json", host)
        assert status == 403
        assert "flat" not in text
        assert ask(server, "/progress.json", f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/../pyproject.toml", "/report/", "//x", "/%2e%2e/"]
)
def test_no_file_is_served(seen, path):
    with serve_progress(seen, 0) as server:
        assert ask(server, path)[0] == 404
        assert ask(server, "/", method="POST")[0] == 501


def test_a_port_that_is_taken_is_said(seen):
    with (
        serve_progress(seen, 0) as server,
        pytest.raises(InputError, match="a port that is free"),
        serve_progress(seen, server.server_port),
    ):
        pass
