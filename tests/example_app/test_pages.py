"""The pages and the JSON API, after every migration."""

from __future__ import annotations

import datetime as dt

import pytest
from flask.testing import FlaskClient

from .conftest import Tracker

RESOURCES = ("users", "bugs", "orders")


def test_following_the_pages_meets_each_row_once(browser: FlaskClient) -> None:
    for name in RESOURCES:
        met: list[int] = []
        url: str | None = f"/api/{name}?limit=60"
        while url:
            answer = browser.get(url).json
            met += [row["id"] for row in answer[name]]
            url = answer["next"]
        assert met == list(range(200, 0, -1)), name


def test_a_list_shows_the_newest_rows_and_the_way_to_older_ones(
    browser: FlaskClient,
) -> None:
    for name in RESOURCES:
        page = browser.get(f"/{name}").text
        assert f'href="/{name}/200"' in page
        assert f'href="/{name}/175"' not in page
        assert f'href="/{name}?before=176"' in page
        older = browser.get(f"/{name}?before=176").text
        assert f'href="/{name}/175"' in older


def test_the_last_page_has_no_next_one(browser: FlaskClient) -> None:
    assert browser.get("/api/bugs?before=5").json["next"] is None
    assert 'rel="next"' not in browser.get("/bugs?before=5").text


NARROWED = (
    ("bugs?year=2019", "created_year", 2019),
    ("bugs?status=fixed", "status", "fixed"),
    ("orders?status=pending", "status", "pending"),
    ("orders?user=7", "user_id", 7),
    ("users?last_name=Souza", "last_name", "Souza"),
    ("users?status=suspended", "status", "suspended"),
)


def test_a_list_can_be_narrowed(browser: FlaskClient, upgraded: Tracker) -> None:
    browser.patch("/api/orders/9", json={"user_id": 7})
    data = upgraded.data()
    for query, column, value in NARROWED:
        name = query.partition("?")[0]
        expected = [row["id"] for row in data[name] if row[column] == value]
        assert 0 < len(expected) < 200, query
        rows = browser.get(f"/api/{query}&limit=200").json[name]
        assert [row["id"] for row in rows] == expected[::-1], query


def test_the_way_to_older_rows_survives_any_question(browser: FlaskClient) -> None:
    answer = browser.get("/api/bugs?endpoint=x&_external=1&_anchor=a%26b").json
    assert answer["next"].startswith("/api/bugs?")
    assert browser.get(answer["next"]).json["bugs"][0]["id"] == 175


def test_a_narrowed_list_stays_narrowed_on_the_next_page(browser: FlaskClient) -> None:
    following = browser.get("/api/bugs?status=fixed&limit=2").json["next"]
    rows = browser.get(following).json["bugs"]
    assert {row["status"] for row in rows} == {"fixed"}


def test_a_wrong_question_is_answered_with_what_is_wrong(browser: FlaskClient) -> None:
    for query in ("before=x", "before=0", "limit=-1", "year=soon", f"before={10**11}"):
        answer = browser.get(f"/api/bugs?{query}")
        assert answer.status_code == 400, query
        assert list(answer.json["errors"]) == [query.partition("=")[0]]
        assert browser.get(f"/bugs?{query}").status_code == 400, query


def test_a_new_user_has_every_derived_column(browser: FlaskClient) -> None:
    answer = browser.post(
        "/api/users",
        json={
            "full_name": "José Núñez",
            "email": "jose.nunez@example.org",
            "birth_date": "1988-02-29",
        },
    )
    assert answer.status_code == 201
    assert answer.json == {
        **answer.json,
        "full_name": "José Núñez",
        "first_name": "José",
        "last_name": "Núñez",
        "birth_date": "1988-02-29",
        "age_group": "adult",
        "score": 100,
        "status": "unverified",
    }
    assert browser.get(f"/api/users/{answer.json['id']}").json == answer.json


def test_a_new_bug_has_the_year_of_today(browser: FlaskClient) -> None:
    bug = browser.post("/api/bugs", json={"title": "Crash", "root_cause": "☃"}).json
    assert bug["created_year"] == dt.datetime.fromisoformat(bug["created_at"]).year
    assert (bug["status"], bug["root_cause"]) == ("open", "☃")


def test_editing_an_imported_bug_makes_up_no_date(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    dateless = next(b for b in upgraded.data()["bugs"] if b["created_at"] is None)
    bug = browser.patch(f"/api/bugs/{dateless['id']}", json={"status": "closed"}).json
    assert (bug["status"], bug["created_at"], bug["created_year"]) == (
        "closed", None, None,
    )  # fmt: skip


def test_an_order_keeps_the_name_its_customer_had(browser: FlaskClient) -> None:
    user = browser.post(
        "/api/users", json={"full_name": "Old Name", "email": "name@example.org"}
    ).json
    order = browser.post(
        "/api/orders", json={"user_id": user["id"], "total": 12.1}
    ).json
    assert (order["customer_name"], order["total"], order["status"]) == (
        "Old Name", "12.10", "pending",
    )  # fmt: skip
    renamed = browser.patch(f"/api/users/{user['id']}", json={"full_name": "New Name"})
    assert renamed.json["first_name"] == "New"
    kept = browser.patch(f"/api/orders/{order['id']}", json={"status": "completed"})
    assert (kept.json["customer_name"], kept.json["status"]) == (
        "Old Name",
        "completed",
    )


REFUSED: tuple[tuple[str, object, list[str]], ...] = (
    ("users", {}, ["email"]),
    ("users", {"email": "nobody"}, ["email"]),
    ("users", {"email": "a@b.c", "birth_date": "30 Feb"}, ["birth_date"]),
    ("users", {"email": "a@b.c", "status": None}, ["status"]),
    ("users", {"email": "a@b.c", "full_name": "x" * 101}, ["full_name"]),
    ("users", {"email": "a@b.c", "full_name": "a\x00b"}, ["full_name"]),
    ("users", {"email": "a@b.c", "full_name": "\ud800"}, ["full_name"]),
    ("users", {"email": ["a@b.c"]}, ["email"]),
    ("bugs", {"title": "", "status": "lost"}, ["title", "status"]),
    ("bugs", {"title": "x", "reporter_id": 4242}, ["reporter_id"]),
    ("bugs", {"title": "x", "reporter_id": 2**31}, ["reporter_id"]),
    ("orders", {"user_id": 1, "total": "1.005"}, ["total"]),
    ("orders", {"user_id": 1, "total": "NaN"}, ["total"]),
    ("orders", {"user_id": 1, "total": -1}, ["total"]),
    ("orders", {"user_id": 1, "total": "1e9"}, ["total"]),
    ("orders", [], ["user_id", "total"]),
)


def test_what_cannot_be_stored_is_refused_by_field(
    browser: FlaskClient, upgraded: Tracker
) -> None:
    before = upgraded.data()
    for name, sent, wrong in REFUSED:
        answer = browser.post(f"/api/{name}", json=sent)
        assert answer.status_code == 422, sent
        assert sorted(answer.json["errors"]) == sorted(wrong), sent
    assert upgraded.data() == before


def test_an_address_in_use_is_refused(browser: FlaskClient) -> None:
    taken = browser.get("/api/users/1").json["email"]
    for answer in (
        browser.post("/api/users", json={"email": taken}),
        browser.patch("/api/users/2", json={"email": taken}),
    ):
        assert answer.status_code == 422
        assert answer.json == {"errors": {"email": "is taken"}}


def test_a_form_creates_a_row_and_shows_it(browser: FlaskClient) -> None:
    assert "<form" in browser.get("/users/new").text
    answer = browser.post(
        "/users",
        data={
            "full_name": "<b>Ana</b> Souza",
            "email": "ana@example.org",
            "birth_date": "",
            "status": "closed",
        },
        follow_redirects=True,
    )
    assert answer.status_code == 200
    assert answer.request.path == "/users/201"
    assert "&lt;b&gt;Ana&lt;/b&gt; Souza" in answer.text
    assert "<b>Ana" not in answer.text


def test_a_form_changes_a_row(browser: FlaskClient) -> None:
    form = browser.get("/bugs/3/edit").text
    assert browser.get("/api/bugs/3").json["title"] in form.replace("&#39;", "'")
    browser.post("/bugs/3", data={"title": "Renamed", "status": "closed"})
    bug = browser.get("/api/bugs/3").json
    assert (bug["title"], bug["status"]) == ("Renamed", "closed")


def test_a_wrong_form_comes_back_with_what_was_typed(browser: FlaskClient) -> None:
    answer = browser.post("/bugs", data={"title": "", "root_cause": "typed already"})
    assert answer.status_code == 422
    assert "typed already" in answer.text
    assert "Title is required." in answer.text


def test_what_is_not_there_is_a_404_in_the_language_of_the_client(
    browser: FlaskClient,
) -> None:
    for name in RESOURCES:
        for id in (9999, 2**40):
            page = browser.get(f"/{name}/{id}")
            assert (page.status_code, page.mimetype) == (404, "text/html")
            answer = browser.get(f"/api/{name}/{id}")
            assert (answer.status_code, list(answer.json)) == (404, ["error"])


def test_the_first_page_leads_to_all_others(browser: FlaskClient) -> None:
    page = browser.get("/").text
    for name in RESOURCES:
        assert f'href="/{name}"' in page
        assert f'href="/api/{name}"' in page


@pytest.mark.parametrize("revision", [None, "0001"])
def test_before_the_upgrade_each_page_says_what_to_run(
    tracker: Tracker, revision: str | None
) -> None:
    if revision:
        tracker.flask("db", "upgrade", revision)
    browser = tracker.app.test_client()
    for url in ("/bugs", "/api/bugs"):
        answer = browser.get(url)
        assert answer.status_code == 503
        assert "flask --app example_app db upgrade" in answer.text
