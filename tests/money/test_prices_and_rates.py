"""Prices, and amounts in the user's own money."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from vidgen_core import money
from vidgen_core.config.file import SettingsFile
from vidgen_core.config.money_settings import PriceSettings, RateSettings
from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import GenerationParams


def params(size: str = "720P", duration: float | None = None) -> GenerationParams:
    return GenerationParams(aspect_ratio="9:16", size=size, duration=duration)


def settings(currency: str = "CNY", **rates: str) -> Settings:
    rows = tuple(RateSettings(of=name, worth=Decimal(worth)) for name, worth in rates.items())
    return Settings.model_validate({"budget": {"currency": currency, "rates": rows}})


def cny(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="CNY")


def credits_of(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="credits")


def test_credits_of_kie_become_yuan_by_the_dated_table() -> None:
    rates = money.rates_of(settings(), ProviderId("kie"))

    assert money.convert(credits_of("60"), "CNY", rates) == cny("2.16")


def test_credits_are_worth_what_their_own_provider_takes_for_them() -> None:
    mine = settings(kie="0.04", lovart="0.1")

    assert money.convert(credits_of("10"), "CNY", money.rates_of(mine, ProviderId("kie"))) == cny("0.4")
    assert money.convert(credits_of("10"), "CNY", money.rates_of(mine, ProviderId("lovart"))) == cny("1")
    assert money.convert(credits_of("10"), "CNY", money.rates_of(settings(), ProviderId("lovart"))) is None


def test_credits_of_nobody_have_no_worth() -> None:
    assert money.convert(credits_of("10"), "CNY", money.rates_of(settings())) is None


def test_the_users_own_rate_to_the_dollar_carries_all_others() -> None:
    rates = money.rates_of(settings("EUR", USD="0.9"), ProviderId("kie"))

    assert money.convert(cny("7.2"), "EUR", rates) == Money(amount=Decimal("0.9"), currency="EUR")
    assert money.convert(credits_of("200"), "EUR", rates) == Money(amount=Decimal("0.9"), currency="EUR")


def test_without_a_rate_nothing_is_made_up() -> None:
    rates = money.rates_of(settings("EUR"), ProviderId("yunwu"))

    assert money.convert(cny("1"), "EUR", rates) is None
    assert money.convert(cny("0"), "EUR", rates) == Money(amount=Decimal(0), currency="EUR")


def test_the_users_price_goes_before_every_other() -> None:
    own = money.own_prices([PriceSettings(provider=ProviderId("yunwu"), model="grok-video-3", amount=Decimal("0.55"))])

    assert money.estimate(ProviderId("yunwu"), "grok-video-3", params(), 3) == cny("1.2")
    assert money.estimate(ProviderId("yunwu"), "grok-video-3", params(), 3, own) == cny("1.65")
    assert not money.price_of(ProviderId("yunwu"), "grok-video-3", own).assumed


def test_a_price_for_a_size_or_a_length_goes_before_one_for_all() -> None:
    rows = [
        {"provider": "yunwu", "model": "m", "amount": "1"},
        {"provider": "yunwu", "model": "m", "amount": "2", "size": "1080p"},
        {"provider": "yunwu", "model": "m", "amount": "3", "size": "1080P", "seconds": 10},
        {"provider": "yunwu", "model": "*", "amount": "9"},
    ]
    own = money.own_prices([PriceSettings.model_validate(row) for row in rows])

    asked = [params(), params("1080P"), params("1080P", 10.0), params("720P", 10.0)]
    assert [money.estimate(ProviderId("yunwu"), "m", one, own=own) for one in asked] == [
        cny("1"),
        cny("2"),
        cny("3"),
        cny("1"),
    ]
    assert money.estimate(ProviderId("yunwu"), "other", params(), own=own) == cny("9")


def test_a_price_by_the_second_needs_the_seconds() -> None:
    own = money.own_prices([PriceSettings(provider=ProviderId("kie"), model="m", amount=Decimal("1.5"), unit="second")])

    assert money.estimate(ProviderId("kie"), "m", params(duration=4.0), 2, own) == cny("12.0")
    assert money.estimate(ProviderId("kie"), "m", params(), 2, own) is None


def test_prices_are_written_into_the_settings_and_its_comments_stay(locations: Locations) -> None:
    file = SettingsFile(locations)
    text = '# mine\nmode = "local" # for now\n\n[runner]\n# slow\npoll_interval = 10.0\n'
    file.path.write_text(text)

    row = {"provider": "kie", "model": "veo3", "amount": "200.5", "currency": "credits", "as_of": date(2026, 11, 25)}
    read = file.change({"prices": [row], "budget.rates": [{"of": "USD", "worth": "7.1"}]})

    written = file.path.read_text()
    assert all(line in written for line in text.splitlines())
    assert SettingsFile(locations).current() == read
    assert (read.prices[0].amount, read.prices[0].as_of) == (Decimal("200.5"), date(2026, 11, 25))

    file.change({"prices": [], "budget.rates": []})
    assert SettingsFile(locations).current().prices == ()


def test_prices_written_by_hand_as_tables_stay_tables(locations: Locations) -> None:
    file = SettingsFile(locations)
    file.path.write_text('[[prices]]\n# asked the reseller\nprovider = "yunwu"\nmodel = "a"\namount = 1.5\n')
    kept = file.current().prices

    second = PriceSettings(provider=ProviderId("yunwu"), model="b", amount=Decimal(2))
    read = file.change({"prices": [*kept, second]})

    assert [price.model for price in read.prices] == ["a", "b"]
    assert file.path.read_text().count("[[prices]]") == 2
    assert "# asked the reseller" in file.path.read_text()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('prices = [{provider = "kie", model = "m", amount = -1}]', "prices.0.amount"),
        ('prices = [{provider = "sora", model = "m", amount = 1}]', "prices.0.provider"),
        ('[budget]\nrates = [{of = "yen", worth = 1}]', "budget.rates.0.of"),
        ('[budget]\nrates = [{of = "USD", worth = 1}, {of = "USD", worth = 2}]', "budget.rates"),
    ],
)
def test_a_wrong_price_is_named(locations: Locations, text: str, field: str) -> None:
    from vidgen_core.config.loader import load_settings
    from vidgen_core.domain.errors import SettingsError

    locations.settings_file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(locations)
    assert (caught.value.code, caught.value.params["field"]) == ("setting_invalid", field)
