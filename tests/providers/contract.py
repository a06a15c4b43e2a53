"""What every provider keeps to, whoever it is; subclass ``ProviderContract`` and bring the fixture ``provider``.

A provider that talks over a network subclasses ``RemoteContract``, which adds the promises about lost answers, keys
and links. The rehearsal misbehaves by tags in the prompt.
"""

from __future__ import annotations

import socket
import traceback
from collections.abc import Awaitable, Callable

import pytest
from provider_world import GOOD, World, finish, job_of, make_key, make_settings, send

from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.media.video import probe
from vidgen_core.providers.base import Key, Provider, RemoteStatus


class ProviderContract:
    """For all."""

    @pytest.fixture
    def key(self, provider: Provider) -> Key | None:
        return make_key() if provider.needs_key else None

    @pytest.fixture
    def wait_for(self, provider: Provider, key: Key | None, world: World) -> Callable[..., Awaitable[str]]:
        """Let a job end and return the link of its result; overridden where ending takes real time."""

        async def ended(job) -> str:
            state = await finish(provider, job, key, world)
            assert state.status is RemoteStatus.SUCCEEDED, state
            assert state.url
            return state.url

        return ended

    async def test_an_order_becomes_what_was_ordered(self, provider, key, world, wait_for) -> None:
        job = await send(provider, world.order(provider), key)
        url = await wait_for(job)
        with world.part() as part:
            self.check_result(part, await provider.fetch(job, url, part, key))

    def check_result(self, part, length) -> None:
        """What an order became is what it should be; overridden by those that make something else than videos."""
        assert probe(part.finish(length)).seconds > 0

    async def test_preparing_twice_gives_the_same_request(self, provider, key, world) -> None:
        order = world.order(provider)
        first = await provider.prepare(order, key)
        assert (await provider.prepare(order, key)).payload == first.payload

    async def test_what_is_kept_of_a_request_holds_no_secret_and_no_picture(self, provider, key, world) -> None:
        sent = repr((await provider.prepare(world.order(provider), key)).sent)
        assert GOOD not in sent
        assert len(sent) < 2000

    def test_its_first_model_is_described_and_takes_the_usual_order(self, provider, world) -> None:
        order = world.order(provider)
        assert provider.capabilities(order.model).model == order.model
        assert [problem for problem in provider.check(order.model, order.params) if problem.fatal] == []

    def test_an_unknown_model_is_described_with_care(self, provider) -> None:
        can = provider.capabilities("model-of-tomorrow")
        assert can.model == "model-of-tomorrow"
        assert can.unsure or can.note == "note.model_unknown"

    async def test_testing_a_good_connection_succeeds(self, provider, key) -> None:
        connection = await provider.test(key)
        assert connection.ok
        assert connection.failure is None
        assert provider.models()[0] in connection.models


class PaidContract(ProviderContract):
    """For those who take money; needs ``build(settings)`` to make one with other settings."""

    async def test_the_order_is_sent_exactly_once(self, provider, key, world) -> None:
        await send(provider, world.order(provider, "once only"), key)
        assert world.server.stats()["submits"]["once only"] == 1

    @pytest.mark.parametrize(
        "tag",
        [
            "reset-after-accept", "close-after-accept", "gateway-after-accept", "gateway-after-accept:502",
            "error-after-accept", "html-after-accept", "empty-after-accept", "no-task-id",
        ],
    )  # fmt: skip
    async def test_an_answer_lost_after_the_job_was_accepted_leaves_it_open(self, provider, key, world, tag) -> None:
        with pytest.raises(RemoteError) as caught:
            await send(provider, world.order(provider, f"[[{tag}]]"), key)
        assert caught.value.delivery is Delivery.UNKNOWN
        assert world.server.stats()["submits_total"] == 1

    @pytest.mark.parametrize("tag", ["server-error", "bad-gateway", "html", "reset-before-accept"])
    async def test_what_looks_like_a_lost_answer_is_taken_as_one(self, provider, key, world, tag) -> None:
        with pytest.raises(RemoteError) as caught:
            await send(provider, world.order(provider, f"[[{tag}]]"), key)
        assert caught.value.delivery is Delivery.UNKNOWN

    async def test_a_refused_connection_has_sent_nothing(self, provider, key, world, build) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        prepared = await provider.prepare(world.order(provider), key)
        away = make_settings(url)
        elsewhere = build(lambda: away)
        with pytest.raises(RemoteError) as caught:
            await elsewhere.submit(world.order(provider), prepared, key)
        await elsewhere.close()
        assert caught.value.delivery is Delivery.NOT_SENT
        assert caught.value.kind is ErrorKind.NETWORK
        assert caught.value.code == "connect_failed"

    @pytest.mark.parametrize(
        ("tag", "kind"),
        [
            ("key-invalid", ErrorKind.AUTH),
            ("ip-forbidden", ErrorKind.AUTH),
            ("balance-empty", ErrorKind.BALANCE),
            ("parameter", ErrorKind.PARAMETER),
            ("rate-limit", ErrorKind.RATE_LIMIT),
            ("rate-limit-retry-after", ErrorKind.RATE_LIMIT),
            ("moderated-input", ErrorKind.MODERATION),
        ],
    )
    async def test_a_clear_refusal_is_told_by_its_kind(self, provider, key, world, tag, kind) -> None:
        with pytest.raises(RemoteError) as caught:
            await send(provider, world.order(provider, f"[[{tag}]]"), key)
        assert caught.value.kind is kind
        assert caught.value.delivery is Delivery.REFUSED
        assert caught.value.evidence

    async def test_the_wait_that_is_asked_for_is_passed_on(self, provider, key, world) -> None:
        with pytest.raises(RemoteError) as caught:
            await send(provider, world.order(provider, "[[rate-limit-retry-after]]"), key)
        assert caught.value.retry_after == 1.0

    async def test_a_bad_key_fails_the_test_and_says_so(self, provider) -> None:
        connection = await provider.test(make_key("sk-bad-1234567890abcdef"))
        assert not connection.ok
        assert connection.failure is not None
        assert connection.failure.kind is ErrorKind.AUTH

    @pytest.mark.parametrize("tag", ["key-invalid", "server-error", "html", "reset-after-accept", "moderated-input"])
    async def test_no_key_stands_in_an_exception_or_its_trace(self, provider, key, world, tag) -> None:
        order = world.order(provider, f"[[{tag}]] {GOOD}")
        prepared = await provider.prepare(order, key)
        try:
            job_of(order, await provider.submit(order, prepared, key), provider)
        except RemoteError as error:
            shown = [repr(error), str(error), error.evidence or "", *traceback.format_exception(error)]
            assert GOOD not in "".join(shown)
        else:
            pytest.fail("it should have been refused")


class RemoteContract(PaidContract):
    """For those who answer an order with a job on the other side of a network."""

    async def test_a_running_job_is_not_done(self, provider, key, world) -> None:
        job = await send(provider, world.order(provider), key)
        state = await provider.poll(job, key)
        assert state.status in (RemoteStatus.QUEUED, RemoteStatus.RUNNING)
        assert state.url is None

    async def test_an_unknown_status_word_counts_as_still_running(self, provider, key, world) -> None:
        job = await send(provider, world.order(provider, "[[status-unknown]]"), key)
        world.pass_time(1.5)
        assert (await provider.poll(job, key)).status is RemoteStatus.UNKNOWN

    async def test_success_without_a_link_is_no_success(self, provider, key, world) -> None:
        job = await send(provider, world.order(provider, "[[completed-without-url]]"), key)
        state = await finish(provider, job, key, world)
        assert state.status is RemoteStatus.UNKNOWN
        assert state.stage == "completed_without_link"
        assert state.evidence

    @pytest.mark.parametrize(
        ("tag", "kind", "retryable"),
        [
            ("failed", ErrorKind.PROVIDER, None),
            ("failed-parameter", ErrorKind.PARAMETER, False),
            ("failed-overloaded", ErrorKind.OVERLOADED, True),
            ("failed-timeout", ErrorKind.TIMEOUT, True),
            ("moderated-output", ErrorKind.MODERATION, False),
        ],
    )
    async def test_a_failed_job_says_why(self, provider, key, world, tag, kind, retryable) -> None:
        job = await send(provider, world.order(provider, f"[[{tag}]]"), key)
        state = await finish(provider, job, key, world)
        assert state.status is RemoteStatus.FAILED
        assert state.failure is not None
        if retryable is None:
            # Only who names an error of its own, or of what stands behind it, is asked again.
            retryable = "upstream error" in state.failure.params["said"]
        assert (state.failure.kind, state.failure.retryable) == (kind, retryable)

    @pytest.mark.parametrize("tag", ["poll-500", "poll-429", "poll-html", "poll-gateway", "poll-reset"])
    async def test_a_poll_that_goes_wrong_is_an_error_and_the_next_one_sees_the_job(
        self, provider, key, world, tag
    ) -> None:
        job = await send(provider, world.order(provider, f"[[{tag}:1]]"), key)
        world.pass_time()
        with pytest.raises(RemoteError):
            await provider.poll(job, key)
        assert (await provider.poll(job, key)).status is RemoteStatus.SUCCEEDED

    async def test_an_expired_link_is_replaced_by_a_fresh_one(self, provider, key, world, wait_for) -> None:
        job = await send(provider, world.order(provider, "[[link-expired]]"), key)
        url = await wait_for(job)
        with world.part() as part:
            with pytest.raises(RemoteError) as caught:
                await provider.fetch(job, url, part, key)
            assert (caught.value.code, caught.value.kind) == ("link_expired", ErrorKind.FILE)
            fresh = await provider.fresh_link(job, url, key)
            assert fresh
            length = await provider.fetch(job, fresh, part, key)
            assert probe(part.finish(length)).seconds > 0

    async def test_an_unknown_balance_is_no_failure(self, provider, key, world) -> None:
        world.server.set_faults({"balance-unknown": 1})
        connection = await provider.test(key)
        assert connection.ok
        assert connection.balance is None
