"""What the pages show, and what their buttons write into the records."""

from pathlib import Path

import pytest

from provisioner.customers.model_key import month_of
from provisioner.settings import WorkerSettings
from provisioner.timestamps import in_hours, present
from provisioner.web.pages.actions import ACTIONS, Action
from provisioner.web.pages.catalog import ALL
from tests.web.pages.house import BEGUN, COMPLETE, SECRETS, House, house, paying, populate, text_of

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}&amp;\u202eexe"


def test_today_says_so_when_all_is_well(there: House) -> None:
    there.add("ada@example.com", COMPLETE)
    text = text_of(there.browser().get("/").text)
    assert "All is well: nothing waits for you." in text
    assert "Nobody at this moment." in text


def test_today_says_what_to_do_when_nobody_is_there(there: House) -> None:
    assert "There are no customers yet" in text_of(there.browser().get("/").text)


def test_today_has_who_needs_a_person_and_why(there: House) -> None:
    populate(there)
    page = there.browser().get("/").text
    matters, _, rest = text_of(page).partition("Being set up")
    for words in (
        "The setup has failed · dora@example.com",
        "the account is locked",
        "Their server is not well · Cleo Marsh",
        "gateway, disk",
        "Waiting for more than two days · Emil Nolde",
        "A payment has failed · Ben Okri",
        "Not set up yet · Gina Hale",
    ):
        assert words in matters
    assert matters.index("dora@") < matters.index("Cleo") < matters.index("Ben")
    for calm in ("Ada", "Hugo", "Iris", "Finn"):
        assert calm not in matters
    assert "Finn Orla" in rest


def test_who_is_at_work_is_being_set_up(there: House) -> None:
    customer = there.add("ada@example.com", BEGUN)
    browser = there.browser()
    with there.workspace.store().claim(customer.id, "provision"):
        assert "ada@example.com running" in text_of(browser.get("/").text)


def test_a_record_that_cannot_be_read_needs_a_person(there: House) -> None:
    (there.workspace.customers_dir / "active" / "broken.json").write_text("{")
    text = text_of(there.browser().get("/").text)
    assert "A record cannot be read" in text
    assert "broken.json" in text


def test_an_alert_of_nobody_in_particular_is_shown(there: House) -> None:
    there.site.parts.alerts.tell("at Stripe: x", None, "sub_9 is nobody's", can_end=True)
    assert "sub_9 is nobody's" in text_of(there.browser().get("/").text)


def test_try_again_asks_for_the_setup_at_once_by_name(there: House) -> None:
    customer = there.add("dora@example.com", BEGUN)
    with there.workspace.store().edit(customer.id) as record:
        record.set("retry", {"workflow": "provision", "failures": 3, "notBefore": in_hours(5)})
    woken: list[int] = []
    there.site.parts.worker.woken = lambda: woken.append(1)

    answer = there.browser("ben").post(f"/customers/{customer.id}/provision", back="today")

    assert answer.url.path == "/"
    after = there.customer(customer.id)
    assert [(one.workflow, one.by) for one in after.requests] == [("provision", "ben")]
    assert after.retry is not None
    assert after.retry.not_before is None
    assert after.retry.failures == 3
    assert [(one.event, one.by) for one in after.timeline][-1] == ("provision_requested", "ben")
    assert woken == [1]


def test_pressed_twice_it_is_asked_for_once(there: House) -> None:
    customer = there.add("ada@example.com", COMPLETE)
    browser = there.browser()
    for _ in range(2):
        browser.post(f"/customers/{customer.id}/backup")
    after = there.customer(customer.id)
    assert [one.workflow for one in after.requests] == ["backup"]
    assert [one.event for one in after.timeline].count("backup_requested") == 1


def test_pausing_and_its_end_say_by_whom(there: House) -> None:
    customer = there.add("ada@example.com", COMPLETE)
    browser = there.browser("ben")
    browser.post(f"/customers/{customer.id}/pause", reason="on holiday")
    pause = there.customer(customer.id).setup.pause
    assert pause is not None
    assert (pause.by, pause.reason) == ("ben", "on holiday")
    browser.post(f"/customers/{customer.id}/go-on")
    assert [(one.event, one.by) for one in there.customer(customer.id).timeline][-2:] == [
        ("pause_requested", "ben"),
        ("pause_undo_requested", "ben"),
    ]


def test_a_note_is_added_by_its_writer(there: House) -> None:
    customer = there.add("ada@example.com")
    answer = there.browser("ben").post(f"/customers/{customer.id}/note", note="two\r\nlines")
    assert "The note was added." in answer.text
    after = there.customer(customer.id)
    assert [one.note for one in after.notes] == ["two\nlines"]
    assert (after.timeline[-1].event, after.timeline[-1].by) == ("note_added", "ben")


@pytest.mark.parametrize("words", ["", "   ", "x" * 5001])
def test_a_note_without_words_is_refused(there: House, words: str) -> None:
    customer = there.add("ada@example.com")
    assert there.browser().post(f"/customers/{customer.id}/note", note=words).status_code == 400
    assert there.customer(customer.id).notes == ()


@pytest.mark.parametrize("action", [one for one in ACTIONS if one.typed], ids=lambda one: one.name)
def test_what_cannot_be_undone_needs_the_address(there: House, action: Action) -> None:
    customer = there.add("ada@example.com", {**COMPLETE, "subscription.currentPeriodEnd": in_hours(99)})
    browser, path = there.browser(), f"/customers/{customer.id}/{action.name}"
    for typed in ("", "ben@example.com", "ada", customer.id):
        assert browser.post(path, address=typed).status_code == 400
        assert there.customer(customer.id) == customer
    answer = browser.post(path, address="ADA@example.com ")
    leaving = there.customer(customer.id).leaving
    assert answer.status_code == 200
    assert leaving is not None
    assert leaving.by == "ada"
    assert leaving.grace_days == (0 if action.name == "destroy" else 14)


def test_who_leaves_may_be_kept(there: House) -> None:
    customer = there.add("ada@example.com", COMPLETE)
    browser = there.browser("ben")
    browser.post(f"/customers/{customer.id}/cancel-now", address="ada@example.com")
    page = browser.get(f"/customers/{customer.id}").text
    assert "Keep the customer" in page
    browser.post(f"/customers/{customer.id}/stay")
    leaving = there.customer(customer.id).leaving
    assert leaving is not None
    assert leaving.undo_at is not None
    assert there.customer(customer.id).timeline[-1].by == "ben"


def test_what_may_not_start_is_refused_with_the_way_on(there: House) -> None:
    customer = there.add("ada@example.com", {"status": "cancelled"})
    answer = there.browser().post(f"/customers/{customer.id}/provision")
    assert answer.status_code == 400
    assert "the status is cancelled" in text_of(answer.text)
    assert there.customer(customer.id).requests == ()


def test_nobody_who_is_not_there_is_found(there: House) -> None:
    answer = there.browser().get("/customers/cust_0")
    assert answer.status_code == 404
    assert "could not find the customer" in text_of(answer.text)


def test_the_table_is_searched_filtered_and_sorted_by_its_address(there: House) -> None:
    populate(there)
    browser = there.browser()

    def shown(query: str) -> list[str]:
        page = browser.get(f"/customers?{query}").text
        rows = page.partition("<tbody>")[2].split("<tr>")[1:]
        return [next(word for word in text_of(row).split() if "@" in word) for row in rows]

    assert shown("sort=customer")[:2] == ["ada@example.com", "ben@example.com"]
    assert shown("sort=-customer")[:2] == ["iris@example.com", "hugo@example.com"]
    assert shown("")[0] == "dora@example.com", "what needs a person comes first"
    assert shown("state=waiting") == ["emil@example.com", "finn@example.com"]
    assert shown("status=pending_setup") == ["gina@example.com"]
    assert shown("q=okri") == ["ben@example.com"]
    assert shown("q=192.0.2.7 marsh") == ["cleo@example.com"]
    assert shown("q=nobody") == []
    assert shown("sort=nonsense&page=99&state=nonsense") == []


def test_an_address_leads_to_its_customer(there: House) -> None:
    customer = there.add("ada@example.com")
    browser = there.browser()
    for words in ("ADA@example.com", customer.id):
        assert browser.get(f"/customers?q={words}").url.path == f"/customers/{customer.id}"


def test_a_long_table_has_pages(there: House) -> None:
    for number in range(51):
        there.add(f"customer{number:02}@example.com")
    browser = there.browser()
    first = browser.get("/customers?sort=customer&q=customer").text
    second = browser.get("/customers?sort=customer&q=customer&page=2").text
    assert "Page 1 of 2" in first
    assert "customer50@example.com" not in first
    assert "customer50@example.com" in second
    assert "sort=customer&amp;q=customer&amp;page=2" in first


def test_the_archive_is_looked_at_too(there: House) -> None:
    customer = there.add("ada@example.com", {"status": "cancelled"}, "Ada")
    there.workspace.store().archive(customer.id)
    browser = there.browser()
    assert "Ada" not in text_of(browser.get("/customers").text)
    assert "Ada" in text_of(browser.get("/customers?archived=yes").text)
    assert "archived" in text_of(browser.get(f"/customers/{customer.id}").text)


def test_a_customers_page_has_their_story_the_newest_first(there: House) -> None:
    customer = there.add("ada@example.com", COMPLETE)
    with there.workspace.store().edit(customer.id) as record:
        for number in range(50):
            record.add_event(f"event_{number:02}", "x", by="ben")
    browser = there.browser()
    text = text_of(browser.get(f"/customers/{customer.id}").text)
    assert text.index("event 49 by ben") < text.index("event 48 by ben")
    assert "event 05" not in text
    assert "event 05 by ben" in text_of(browser.get(f"/customers/{customer.id}?timeline=all").text)


def test_money_is_what_the_worked_example_says(there: House) -> None:
    paying(there)
    page = text_of(there.browser().get("/money").text)
    assert "2026-09 $479.94 $89.99 (1) $89.99 (1) $9.00 (1) $179.98 (2) $479.94 5 33.3% 20.2% $95.99" in page
    assert "2026-07 3 100% 67% 100%" in page


def test_months_are_there_for_a_spreadsheet(there: House) -> None:
    paying(there)
    answer = there.browser().get("/money.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines()[0].startswith("currency,month,start,new,")
    assert "usd,2026-09," in answer.text


def test_operations_have_runs_dates_and_people(there: House) -> None:
    populate(there)
    text = text_of(there.browser().get("/operations").text)
    assert "dora@example.com droplet failed could not create the droplet" in text
    assert "Iris Berg iris@example.com : the assistant stops, they leave in 8 d" in text
    assert "ada owner, by links alone" in text


def test_where_the_worker_rests_the_pages_say_so(tmp_path: Path) -> None:
    with house(tmp_path, worker=WorkerSettings(jobs=0)) as there:
        there.add("ada@example.com", BEGUN)
        text = text_of(there.browser().get("/").text)
        assert "[worker] jobs is 0" in text
        assert "The setup was interrupted" in text


def test_what_others_wrote_is_text_on_every_page(there: House) -> None:
    customer = there.add("ada@example.com", {**BEGUN, "setup.messaging.username": HOSTILE}, HOSTILE)
    with there.workspace.store().edit(customer.id) as record:
        record.add_note(HOSTILE)
        record.add_event(HOSTILE, HOSTILE, by=HOSTILE)
        record.set("subscription.plan", HOSTILE)
        record.set("setup.waiting", {"for": HOSTILE, "of": HOSTILE, "since": in_hours(-90)})
        record.set("retry", {"workflow": HOSTILE, "failures": 1, "error": HOSTILE, "notBefore": in_hours(1)})
    there.log(customer, step=HOSTILE, kind=HOSTILE, text=HOSTILE)
    there.site.parts.alerts.tell("at Stripe: x", None, HOSTILE, can_end=True)
    browser = there.browser()
    for path in ("/", "/customers", f"/customers/{customer.id}", "/operations", f"/customers?q={HOSTILE}"):
        page = browser.get(path).text
        assert "&lt;script&gt;alert(1)" in page, path
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "49" not in page.partition("{{")[2][:20]
        assert "\u202e" not in page


def test_no_secret_is_on_any_page(there: House) -> None:
    populate(there)
    ada = there.customer("ada@example.com")
    with there.workspace.store().edit(ada.id) as record:
        for secret in SECRETS:
            record.add_event("said", f"the log had {secret} in it")
            record.add_note(secret)
        record.set("retry", {"workflow": "backup", "failures": 1, "error": f"refused: {' '.join(SECRETS)}"})
    there.log(ada, step="moltbot", kind="failed", text=f"token {SECRETS[2]}")
    there.site.parts.alerts.tell("at Stripe: x", None, f"key {SECRETS[2]} is old", can_end=True)
    browser = there.browser()
    cookie = browser.http.cookies["provisioner"]
    for page in ALL:
        if page.method == "GET" and page.right is not None:
            answer = browser.get(page.path.replace("{id}", ada.id) + "?timeline=all")
            assert answer.status_code == 200
            for secret in (*SECRETS, cookie):
                assert secret not in answer.text, page.path
    assert "[hidden]" in browser.get(f"/customers/{ada.id}").text
    assert not any(secret in line for line in there.said for secret in (*SECRETS, cookie))


def test_the_script_is_short_and_fetches_nothing_from_elsewhere() -> None:
    from provisioner.web.pages.site import _STATIC

    script = (_STATIC / "app.js").read_text()
    assert len(script.splitlines()) < 200
    for path in _STATIC.iterdir():
        assert "http" not in path.read_text().replace("http://www.w3.org/2000/svg", "")


def test_a_run_is_told_line_by_line_the_newest_first(there: House) -> None:
    ada, ben = there.add("ada@example.com", BEGUN), there.add("ben@example.com", BEGUN)
    there.log(ada, step="moltbot", kind="said", text="an older run")
    path = there.log(ada, step="moltbot", kind="started", text="installs Node")
    with path.open("a") as file:
        file.write(path.read_text().replace("installs Node", "starts the gateway"))
        file.write('{"who": "torn')
    there.log(ben, step="droplet", kind="said", text="somebody else's run")
    text = text_of(there.browser().get(f"/customers/{ada.id}").text)
    assert text.index("starts the gateway") < text.index("installs Node")
    assert "an older run" not in text
    assert "somebody else" not in text


def test_what_the_model_has_cost_is_for_those_who_see_money(there: House) -> None:
    own = {"requestedAt": in_hours(-9), "budget": 40, "spend": {month_of(present()): 1234}}
    customer = there.add("ada@example.com", {**COMPLETE, "setup.modelKey": own})
    path = f"/customers/{customer.id}"
    assert "$12.34 of $40.00 this month" in text_of(there.browser().get(path).text)
    assert "$12.34" not in there.browser("ben", "support").get(path).text


def test_the_key_for_the_model_is_stopped_let_in_and_given_a_budget_by_name(there: House) -> None:
    customer = there.add("ada@example.com", {**COMPLETE, "setup.modelKey": {"requestedAt": in_hours(-9)}})
    browser, path = there.browser("ben"), f"/customers/{customer.id}"
    browser.post(f"{path}/stop-model-key")
    assert there.customer(customer.id).setup.model_key.stopped
    assert "Let the model key in again" in browser.get(path).text
    browser.post(f"{path}/start-model-key")
    assert not there.customer(customer.id).setup.model_key.stopped
    for typed in ("", "0", "-5", "1e3", "12.5", "100001", "9" * 40, "٣"):
        assert browser.post(f"{path}/budget", value=typed).status_code == 400, typed
    assert browser.post(f"{path}/budget", value=" 40 ").status_code == 200
    after = there.customer(customer.id)
    assert after.setup.model_key.budget == 40
    assert [(one.event, one.by) for one in after.timeline][1:] == [("model_key_changed", "ben")] * 3


def test_who_has_no_key_of_their_own_has_no_such_button(there: House) -> None:
    customer = there.add("ada@example.com", COMPLETE)
    assert "model key" not in there.browser().get(f"/customers/{customer.id}").text
    assert there.browser().post(f"/customers/{customer.id}/stop-model-key").status_code == 400
