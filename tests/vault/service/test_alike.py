"""What nobody may tell apart: strangers and accounts, names that exist and names that do not, right and wrong passwords before the third
message. Sizes, codes and headers exactly; times as a statistic.

The statistic is the share of pairs in which one kind of request took longer than the other (Mann-Whitney's U over n*m; 0.5 if nothing
differs). With 250 of each its standard error is 0.026, so the bound of 0.5 +- 0.17 is six and a half of them: chance alone passes it once
in 10^10 runs. A difference of one standard deviation gives 0.76 and is found more than 999 times in 1000; one of half a deviation 0.64, and
is found one time in eight. The control finds what does differ."""

import http.client
import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from pathlib import Path

from chatseal.vault import messages
from chatseal.vault.messages import Ask, encode
from chatseal.vault.pake import ClientRegistration
from vault.service.person import RIGHT, WRONG, Person, Told, nonce, post, stretched
from vault.service.running import Running, running

EACH, BOUND = 250, 0.17


def shares(kinds: dict[str, Callable[[], object]], each: int) -> dict[str, list[float]]:
    """Seconds of so many calls of each kind, in an order that nobody chose."""
    order = [name for name in kinds for _ in range(each)]
    random.Random(5).shuffle(order)
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for name in order:
        began = time.perf_counter()
        kinds[name]()
        found[name].append(time.perf_counter() - began)
    return found


def share(these: list[float], those: list[float]) -> float:
    """In how many of all pairs one of these is longer; ties count half."""
    ordered = sorted(those)
    wins = sum(bisect_left(ordered, one) + bisect_right(ordered, one) for one in these)
    return wins / (2 * len(these) * len(those))


def shape(told: Told) -> tuple[object, ...]:
    """Everything that can be seen of an answer but the bytes of its signature."""
    return told.status, told.body, *sorted((name, len(value)) for name, value in told.headers.items())


def asked(service: Running, name: str, token: str) -> Told:
    return post(service.port, "/v1/status", encode(messages.AskStatus(nonce=nonce(), account=name)), token)


def test_who_is_not_shown_learns_nothing_of_a_name(person: Person) -> None:
    person.register()
    service, token = person.service, person.service.tokens["person-39"]
    wrong = "cvt-" + "x" * 43
    seen = {
        shape(asked(service, name, shown))
        for name in (person.name, "person-38", "nobody-12", "x" * 128)  # with a record, without, unknown
        for shown in ("", wrong, token, token[:-1], "x" * 4000)
    }
    assert len(seen) == 1
    asks: list[Ask] = [
        messages.AskLoginFinish(nonce=nonce(), account=name, attempt=bytes(16), ke3=bytes(64)) for name in (person.name, "nobody-12")
    ]
    assert len({shape(post(service.port, f"/v1/{ask.operation}", encode(ask), wrong)) for ask in asks}) == 1


def test_right_and_wrong_passwords_look_alike_until_the_third_message(person: Person) -> None:
    person.register()
    for _ in range(3):
        seen = []
        for word in (RIGHT, WRONG, RIGHT):
            login, ask = person.login_start(word)
            told = person.tell(ask)
            found = messages.decode_answer(told.body, messages.LoginStartAnswer)
            assert isinstance(found, messages.LoginStartAnswer)
            headers = sorted((name, len(value)) for name, value in told.headers.items())
            seen.append((told.status, len(told.body), headers, len(found.ke2), found.generation))
        assert seen[0] == seen[1] == seen[2]
        assert isinstance(found, messages.LoginStartAnswer)
        ke3 = login.finish(found.ke2)[0]
        person.generation = person.ask(person.login_finish(found.attempt, ke3), messages.LoginFinishAnswer).generation
        assert person.status().record is not None


def test_times_tell_nothing_that_answers_do_not(service: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    owner = Person(service, "person-37")
    owner.register()
    begun = ClientRegistration(stretched(RIGHT, bytes(16))).request

    def ask_more() -> bytes:
        more = messages.AskRegisterStart(nonce=nonce(), account="person-37", record_id=nonce(), request=begun)
        bearer = {"Authorization": f"Bearer {service.tokens['person-37']}"}
        connection.request("POST", "/v1/register/start", encode(more), bearer)
        return connection.getresponse().read()

    def ask(name: str, token: str) -> Callable[[], object]:
        def call() -> bytes:
            body = encode(messages.AskStatus(nonce=nonce(), account=name))
            connection.request("POST", "/v1/status", body, {"Authorization": f"Bearer {token}"})
            return connection.getresponse().read()

        return call

    wrong = "cvt-" + "x" * 43
    times = shares(
        {
            "record, wrong token": ask("person-37", wrong),
            "no record, wrong token": ask("person-36", wrong),
            "unknown, wrong token": ask("nobody-12", wrong),
            "unknown, another's token": ask("nobody-12", service.tokens["person-37"]),
            "its token": ask_more,
        },
        EACH,
    )
    connection.close()
    alike = [name for name in times if name != "its token"]
    found = {(one, other): share(times[one], times[other]) for one in alike for other in alike if one < other}
    assert all(abs(value - 0.5) < BOUND for value in found.values()), found
    control = share(times["its token"], times["record, wrong token"])
    assert control - 0.5 > BOUND  # the answer that does differ is seen to, by the same measure


def test_times_of_a_begun_login_do_not_tell_the_password(place: Path) -> None:
    names, pairs = [f"person-{number}" for number in range(16)], 4
    with running(place, *names, attempt=60_000) as service:
        times: dict[str, list[float]] = {RIGHT: [], WRONG: []}
        dice = random.Random(3)
        for name in names:
            person = Person(service, name)
            person.register()
            for word in [one for _ in range(pairs) for one in dice.sample([RIGHT, WRONG], 2)]:
                _, ask = person.login_start(word)
                body = encode(ask)
                began = time.perf_counter()
                told = post(service.port, "/v1/login/start", body, service.tokens[name])
                times[word].append(time.perf_counter() - began)
                assert told.status == 200
        # 64 of each, so twice the standard error (0.051); twice the bound is six and a half of them again.
        assert abs(share(times[RIGHT], times[WRONG]) - 0.5) < 2 * BOUND
