"""The change of the root causes: each code that can live with each database."""

from __future__ import annotations

import dataclasses
import typing as t

from example_app.derived import cause_name
from tests.databases.database import Database

from .conftest import Snapshot
from .conftest import Tracker

STAGES = ("expand", "migrate", "contract")
WALK: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("0022", ("expand",)),
    ("0025", ("expand", "migrate")),
    ("0026", STAGES),
    ("0027", ("contract",)),
    ("0029", ("contract",)),
)
"""A revision, and the stages of the code that can live with it."""


@dataclasses.dataclass
class Bugs:
    """What the bugs are to say.

    :param texts: the old column of each, or what it would be. An empty one and none
        are alike: code that clears a cause may find nothing to change.
    :param rounds: how many times they were asked.
    :param others: what else was written of each bug.
    """

    database: Database
    texts: dict[int, str | None]
    rounds: int = 0
    others: dict[int, dict[str, t.Any]] = dataclasses.field(default_factory=dict)

    def ask(self, revision: str, stage: str) -> None:
        """Ask every endpoint of the bugs of code at a stage."""
        self.rounds += 1
        tracker = self.code(stage)
        client = tracker.app.test_client()
        reads_new = stage == "contract" or (stage == "migrate" and revision >= "0026")

        def said(id: int) -> str | None:
            text = self.texts[id]
            return cause_name(text) if reads_new else text or None

        def wrote(id: int, text: str | None) -> None:
            self.texts[id] = text if stage == "expand" else cause_name(text)

        def expect_all() -> None:
            rows: list[dict[str, t.Any]] = []
            url = "/api/bugs?limit=200"
            while url:
                answer = client.get(url).json
                rows, url = rows + answer["bugs"], answer["next"]
            found = {row["id"]: row["root_cause"] or None for row in rows}
            assert found == {id: said(id) for id in self.texts}

        expect_all()
        for cause in (f"Race  conditon {self.rounds}", "Race conditon ", "", None):
            sent = {"title": f"Kraken {self.rounds}", "root_cause": cause}
            new = client.post("/api/bugs", json=sent)
            assert new.status_code == 201, new.text
            wrote(new.json["id"], cause or None)
            self.others[new.json["id"]] = {"title": sent["title"]}
            assert new.json["root_cause"] == said(new.json["id"])
        changed, cleared, by_form = (self.rounds * 3 + i for i in range(3))
        cause = f"squid{self.rounds}"
        assert client.patch(f"/api/bugs/{changed}", json={"root_cause": cause}).json
        wrote(changed, cause)
        client.patch(f"/api/bugs/{cleared}", json={"root_cause": None})
        wrote(cleared, None)
        cause = f"<octopus{self.rounds}>"
        assert client.get(f"/bugs/{by_form}/edit").status_code == 200
        form = {"title": "By form", "root_cause": cause, "status": "open"}
        page = client.post(f"/bugs/{by_form}", data=form, follow_redirects=True)
        wrote(by_form, cause)
        self.others[by_form] = {"title": form["title"], "status": form["status"]}
        assert cause.replace("<", "&lt;").replace(">", "&gt;") in page.text
        assert "&lt;octopus" in client.get(f"/bugs/{by_form}/edit").text
        # What else is saved of a bug leaves its cause alone.
        closed = client.patch(f"/api/bugs/{changed}", json={"status": "closed"}).json
        self.others[changed] = {"status": "closed"}
        assert (closed["status"], closed["root_cause"]) == ("closed", said(changed))
        for word, id in ((f"squid{self.rounds}", changed), (cause, by_form)):
            answer = client.get("/api/search", query_string={"q": word}).json
            found = {row["id"]: row["root_cause"] for row in answer["bugs"]}
            assert found == {id: said(id)}
            assert f'href="/bugs/{id}"' in client.get(f"/search?q={word}").text
        assert client.get("/bugs").status_code == 200
        expect_all()
        tracker.engine.dispose()

    def check(self, stage: str, exit_code: int) -> None:
        """Ask whether code at a stage goes with the database."""
        tracker = self.code(stage)
        printed = tracker.flask("db", "data", "check", exit_code=exit_code)
        assert "bug_root_cause" in printed or exit_code == 0
        tracker.engine.dispose()

    def code(self, stage: str) -> Tracker:
        return Tracker(
            self.database.url,
            DATAMIGRATE_STAGES={"bug_root_cause": stage},
            DATAMIGRATE_STAGE_TTL=0,
        )


def test_every_code_answers_rightly_wherever_it_can_live(
    upgraded: Tracker, database: Database
) -> None:
    """All the way down, up, and down again, with writes at each stop."""
    upgraded.flask("db", "downgrade", "0022")
    before, schema = upgraded.data(), upgraded.schema()
    bugs = Bugs(database, {row["id"]: row["root_cause"] for row in before["bugs"]})
    for index, (revision, legal) in enumerate((*WALK, *WALK[-2::-1])):
        way = "upgrade" if index < len(WALK) else "downgrade"
        upgraded.flask("db", way, revision)
        for stage in STAGES:
            bugs.check(stage, 0 if stage in legal else 3)
            if stage in legal and (revision, way) != ("0027", "downgrade"):
                bugs.ask(revision, stage)
    assert upgraded.schema() == schema
    assert _alike(upgraded.data()) == _alike(_expected(before, upgraded.data(), bugs))


def _expected(before: Snapshot, after: Snapshot, bugs: Bugs) -> Snapshot:
    """Return what the tables are to hold: what they held, and what was written.

    How the words of a bug are kept for the search is left to the searches.
    """
    rows = {row["id"]: row for row in before["bugs"]}
    found = {row["id"]: row for row in after["bugs"]}
    expected = []
    for id, text in sorted(bugs.texts.items()):
        row = {**rows.get(id, found[id]), **bugs.others.get(id, {}), "root_cause": text}
        if row != rows.get(id):
            row["search"] = found[id]["search"]
        expected.append(row)
    return {**before, "bugs": expected}


def _alike(data: Snapshot) -> Snapshot:
    """Return rows in which an empty root cause is none."""
    rows = [{**row, "root_cause": row["root_cause"] or None} for row in data["bugs"]]
    return {**data, "bugs": rows}
