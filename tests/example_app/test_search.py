"""``/search``: the same bugs for the same words, on each database."""

from __future__ import annotations

import typing as t

import hypothesis
import sqlalchemy as sa
from flask.testing import FlaskClient
from hypothesis import strategies as st

from example_app import search

from .conftest import Tracker


def found(browser: FlaskClient, question: str) -> list[int]:
    """Return the keys of the bugs found, on all pages."""
    keys: list[int] = []
    answer = browser.get("/api/search", query_string={"q": question, "limit": 200})
    while True:
        assert answer.status_code == 200, (question, answer.text)
        keys += [bug["id"] for bug in answer.json["bugs"]]
        if answer.json["next"] is None:
            return keys
        answer = browser.get(answer.json["next"])


def has_words(bug: t.Mapping[str, t.Any], question: str) -> bool:
    """Tell in Python whether a bug has every word of a question."""
    wanted = set(search.words(question))
    there = search.words(f"{bug['title']} {bug['root_cause'] or ''}")
    return bool(wanted) and wanted <= set(there)


def bugs_of(tracker: Tracker) -> list[dict[str, t.Any]]:
    """Return the bugs with the name of their root cause."""
    data = tracker.data()
    names = {cause["id"]: cause["name"] for cause in data["root_causes"]}
    return [
        {**bug, "root_cause": names.get(bug["root_cause_id"])} for bug in data["bugs"]
    ]


def execute(tracker: Tracker, statement: str, **values: object) -> None:
    with tracker.engine.begin() as connection:
        connection.execute(sa.text(statement), values)


def insert(tracker: Tracker, id: int, title: str, cause: str | None = None) -> None:
    """Insert a bug past the app, as an import would."""
    values: dict[str, object] = {"id": id, "title": title, "status": "open"}
    if cause is not None:
        values["root_cause_id"] = cause_id(tracker, cause)
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    execute(tracker, f"INSERT INTO bugs ({names}) VALUES ({places})", **values)


def cause_id(tracker: Tracker, name: str) -> int:
    """Insert a cause past the app, and return its key."""
    execute(tracker, "INSERT INTO root_causes (name) VALUES (:name)", name=name)
    causes = tracker.data()["root_causes"]
    (id,) = (cause["id"] for cause in causes if cause["name"] == name)
    return int(id)


QUESTIONS = (
    "login",
    "LOGIN crashes",
    "crashes login",
    # In the root cause, and in both.
    "pointer",
    "calendar encoding",
    # With and without accents.
    "facade",
    "naïve FAÇADE",
    # Too common or too short for an index as MariaDB makes it by itself.
    "the",
    "is slow",
    "by",
    "it",
    # What follows an apostrophe is a word.
    "user's",
    "s",
    # Behind a line break and a tab.
    "second line",
    "tab and a",
)


def test_bugs_from_before_the_migration_are_found_by_all_their_words(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    bugs = bugs_of(upgraded)
    for question in QUESTIONS:
        expected = [bug["id"] for bug in bugs if has_words(bug, question)]
        assert expected, question
        assert found(browser, question) == expected[::-1], question


def test_only_whole_words_are_found(browser: FlaskClient) -> None:
    assert found(browser, "logins") == found(browser, "log") == []
    assert found(browser, "login unheard") == []


def test_a_bug_is_found_as_soon_as_it_is_there(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    new = browser.post("/api/bugs", json={"title": "Kraken!", "root_cause": "Sea"}).json
    assert found(browser, "kraken sea") == [new["id"]]
    insert(upgraded, 9001, "A Kraken, imported")
    assert found(browser, "kraken") == [9001, new["id"]]


def test_a_bug_is_found_by_what_it_says_now(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    browser.patch("/api/bugs/7", json={"title": "Kraken"})
    assert found(browser, "kraken") == [7]
    for cause in ("Straße", "Strasse", None):
        execute(
            upgraded,
            "UPDATE bugs SET root_cause_id = :cause WHERE id = 7",
            cause=cause and cause_id(upgraded, cause),
        )
        assert found(browser, f"kraken {cause or ''}") == [7]
    assert found(browser, "strasse") == []
    execute(upgraded, "UPDATE bugs SET status = 'closed' WHERE id = 7")
    assert found(browser, "kraken") == [7]
    execute(upgraded, "UPDATE bugs SET id = 8007 WHERE id = 7")
    assert found(browser, "kraken") == [8007]
    browser.patch("/api/bugs/8007", json={"title": "Squid"})
    assert found(browser, "kraken") == []


def test_a_bug_that_is_gone_is_not_found(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    insert(upgraded, 9001, "Kraken")
    execute(upgraded, "DELETE FROM bugs WHERE id = 9001")
    insert(upgraded, 9001, "Squid")
    assert found(browser, "kraken") == []
    assert found(browser, "squid") == [9001]


def test_words_in_any_alphabet_are_found(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    insert(upgraded, 9001, "李小龙 – Привет, 🦊!", "Zoe\u0308 A\u030angstro\u0308m")
    for question in (
        "李小龙",
        "привет",
        "ПРИВЕТ 李小龙",
        "zoë",
        "Ångström",
        "angstrom",
    ):
        assert found(browser, question) == [9001], question


def test_words_are_what_stands_between_all_else(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    insert(
        upgraded, 9001, "user_id=42 at db.example.org/a-b, v2 (1e5) ada@lovelace.net"
    )
    for question in ("id", "42", "example org", "b a", "v2", "1e5", "lovelace", "net"):
        assert 9001 in found(browser, question), question
    for question in ("userid", "4", "v", "ab"):
        assert 9001 not in found(browser, question), question


NOTHING = (
    "",
    " ",
    "%",
    "_",
    '"',
    "''",
    '"*',
    "*",
    "\\",
    "()",
    "🦊",
    "☃ — …",
    "'--",
    "+-~<>@",
)


def test_a_question_without_a_word_finds_nothing(browser: FlaskClient) -> None:
    for question in NOTHING:
        for path in ("/search", "/api/search"):
            answer = browser.get(path, query_string={"q": question})
            assert answer.status_code == 200, question
            assert "/bugs/1" not in answer.text
        assert answer.json == {"bugs": [], "next": None}
    assert browser.get("/search").status_code == 200


def test_the_language_of_no_database_is_understood(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    before = upgraded.data()
    insert(upgraded, 9001, "select NOT near OR and null")
    for question in (
        'select" OR "login',
        "select AND NOT null",
        "select NEAR( null",
        "+select -null",
        "select & !null | (near",
        "select:* null:a <-> near",
        "'select' null' OR",
        "select\\ null%s %(q)s :q ?",
    ):
        expected = {"s", "q", "login", "a"}.isdisjoint(search.words(question))
        assert found(browser, question) == ([9001] if expected else []), question
    for question in (
        "'; DROP TABLE bugs;--",
        "1' OR '1'='1",
        "login*",
        "^login",
        "-login",
    ):
        found(browser, question)
    assert (
        found(browser, "login*") == found(browser, "-login") == found(browser, "login")
    )
    execute(upgraded, "DELETE FROM bugs WHERE id = 9001")
    assert upgraded.data() == before


def test_a_question_that_is_no_text_or_too_long_is_refused(
    browser: FlaskClient,
) -> None:
    for query, wrong in (
        ({"q": "a\x00b"}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "login", "before": "x"}, "before"),
        ({"q": "login", "limit": "0"}, "limit"),
    ):
        answer = browser.get("/api/search", query_string=query)
        assert answer.status_code == 400, query
        assert list(answer.json["errors"]) == [wrong]
        assert browser.get("/search", query_string=query).status_code == 400
    assert found(browser, "é" * 200) == []
    assert found(browser, "a " * 100) == found(browser, "a")


def test_the_page_shows_the_bugs_and_the_way_to_older_ones(
    browser: FlaskClient,
) -> None:
    keys = found(browser, "the")
    page = browser.get("/search?q=the").text
    assert f'href="/bugs/{keys[0]}"' in page
    assert f'href="/bugs/{keys[25]}"' not in page
    older = f"/search?q=the&before={keys[24]}"
    assert older.replace("&", "&amp;") in page
    assert f'href="/bugs/{keys[25]}"' in browser.get(older).text
    assert "There are none." in browser.get("/search?q=kraken").text


def test_the_page_repeats_the_question_as_text(browser: FlaskClient) -> None:
    page = browser.get("/search", query_string={"q": '"><b>login'}).text
    assert "<b>" not in page
    assert "&gt;&lt;b&gt;login" in page


def test_a_client_gets_json_where_it_asks_for_it(browser: FlaskClient) -> None:
    wanted = browser.get("/api/search?q=login").json["bugs"]
    assert wanted[0] == browser.get(f"/api/bugs/{wanted[0]['id']}").json
    answer = browser.get("/search?q=login", headers={"Accept": "application/json"})
    assert answer.json["bugs"] == wanted
    more = browser.get(
        "/search?q=the&limit=2", headers={"Accept": "application/json"}
    ).json
    assert more["next"].startswith("/search?q=the&limit=2&before=")
    assert "Accept" in answer.headers["Vary"]
    for accept in ("text/html,*/*;q=0.8", "*/*", None):
        headers = {"Accept": accept} if accept else {}
        assert browser.get("/search?q=login", headers=headers).mimetype == "text/html"


def test_the_first_page_leads_to_the_search(browser: FlaskClient) -> None:
    assert 'href="/search"' in browser.get("/").text


def test_before_the_column_is_there_the_search_says_what_to_run(
    seeded: Tracker,
) -> None:
    seeded.flask("db", "upgrade", "0018")
    browser = seeded.app.test_client()
    for path in ("/search?q=login", "/api/search?q=login"):
        answer = browser.get(path)
        assert answer.status_code == 503
        assert "flask --app example_app db upgrade" in answer.text


def test_after_going_down_and_up_everything_is_found(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    upgraded.flask("db", "downgrade", "0018")
    insert(upgraded, 9001, "Kraken, while there was no search")
    upgraded.flask("db", "upgrade")
    assert found(browser, "kraken") == [9001]
    assert len(found(browser, "the")) > 100


LETTERS = "aAbBzZ019 éÉüñÇőż'-_.,:;/@%&|!*\"()+~<>\\\t\ne\u0301\u00a0–“”"
TEXTS = st.text(LETTERS, max_size=30)


@hypothesis.settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(bugs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1), data=st.data())
def test_each_database_finds_what_python_does(
    tracker: Tracker, bugs: list[tuple[str, str]], data: st.DataObject
) -> None:
    if not tracker.schema():
        tracker.flask("db", "upgrade")
    execute(tracker, "DELETE FROM bugs")
    execute(tracker, "DELETE FROM root_causes")
    for id, (title, cause) in enumerate(bugs, 1):
        # No two causes may have one name.
        insert(tracker, id, title, cause + "=" * id)
    rows = bugs_of(tracker)
    there = [word for row in rows for word in search.words(f"{row['title']} ")]
    browser = tracker.app.test_client()
    for question in (
        data.draw(TEXTS),
        *(data.draw(st.sampled_from(there)) for _ in range(3 if there else 0)),
    ):
        expected = [row["id"] for row in rows if has_words(row, question)]
        assert found(browser, question) == expected[::-1], question
