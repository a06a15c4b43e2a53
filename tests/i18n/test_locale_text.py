"""How sentences, sums and times read in each language."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.tasks import Failure, TaskStatus
from vidgen_core.i18n import choose_language, get_text

EN, ZH = get_text("en", strict=True), get_text("zh", strict=True)


def test_a_sentence_is_found_and_filled() -> None:
    assert EN("common.about", what="8 min") == "about 8 min"
    assert ZH("common.about", what="8 分钟") == "约 8 分钟"


def test_plurals_follow_the_language() -> None:
    assert [EN.n("common.shots", n) for n in (0, 1, 2, 1200)] == ["0 shots", "1 shot", "2 shots", "1,200 shots"]
    assert [ZH.n("common.shots", n) for n in (1, 2)] == ["1 个镜头", "2 个镜头"]


def test_each_number_of_a_sentence_has_its_form() -> None:
    assert EN("log.queued", tasks="1", shots="1") == "Queued: 1 task for 1 shot"
    assert EN("log.queued", tasks="1,200", shots="400") == "Queued: 1,200 tasks for 400 shots"
    assert EN.n("preflight.tasks", 3, shots="1") == "3 tasks for 1 shot."
    assert get_text("en")("log.queued", tasks="{shots}") == "Queued: {shots} tasks for {shots} shots"


@pytest.mark.parametrize(
    "wrong", [lambda: EN("common.nothing"), lambda: EN.n("common.nothing", 2), lambda: EN("common.about")]
)
def test_a_strict_reader_hears_of_what_is_missing(wrong: object) -> None:
    with pytest.raises(KeyError):
        wrong()  # type: ignore[operator]


def test_a_missing_id_is_shown_rather_than_ending_a_screen() -> None:
    t = get_text("zh")

    assert (t("common.nothing"), t.n("common.nothing", 2)) == ("common.nothing", "common.nothing")
    assert t("common.about") == "约 {what}"


def test_braces_in_a_value_do_no_harm() -> None:
    assert EN("common.about", what="{shot} {0}") == "about {shot} {0}"


def test_an_error_is_said_by_its_code_else_by_its_kind() -> None:
    by_code = EN.error(ErrorKind.PARAMETER, "setting_unknown", {"field": "a", "nearest": "b"})
    by_kind = get_text("zh").error("moderation", "some_new_code", {})

    assert by_code == "There is no setting named a. Did you mean b?"
    assert by_kind == ZH("error.kind.moderation")


def test_a_code_without_a_sentence_is_heard_of_when_strict() -> None:
    with pytest.raises(KeyError, match="some_new_code"):
        EN.error(ErrorKind.PROVIDER, "some_new_code", {})


def test_the_reason_in_an_error_is_put_into_words() -> None:
    params = {"field": "runner.max_wait", "reason": "at_least", "limit": "0.05", "where": "settings.toml"}

    assert "不能小于 0.05" in ZH.error(ErrorKind.PARAMETER, "setting_invalid", params)
    assert "it must be at least 0.05" in EN.error(ErrorKind.PARAMETER, "setting_invalid", params)


def test_a_failure_kept_in_the_store_is_said_in_the_readers_language() -> None:
    failure = Failure(kind=ErrorKind.BALANCE, code="balance")

    assert (EN.failure(failure), ZH.failure(failure)) == (EN("error.kind.balance"), ZH("error.kind.balance"))


def test_states_and_levels_have_the_users_words() -> None:
    assert [ZH.status(status) for status in TaskStatus] == [
        "等待中", "排队中", "生成中", "下载中", "成功", "失败", "已取消",
    ]  # fmt: skip
    assert ZH.level(LogLevel.SUCCESS) == "成功"


@pytest.mark.parametrize(
    ("amount", "currency", "estimated", "english", "chinese"),
    [
        ("5.2", "CNY", False, "¥5.20", "¥5.20"),
        ("5.2", "CNY", True, "≈¥5.20", "≈¥5.20"),
        ("0.004", "CNY", True, "≈¥0.004", "≈¥0.004"),
        ("1234.5", "USD", False, "$1,234.50", "US$1,234.50"),
        ("120", "credits", True, "≈120 credits", "≈120 积分"),
    ],
)
def test_sums_say_when_they_are_estimates(
    amount: str, currency: str, estimated: bool, english: str, chinese: str
) -> None:
    money = Money(amount=Decimal(amount), currency=currency)

    assert (EN.money(money, estimated), ZH.money(money, estimated)) == (english, chinese)


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 sec", "0 秒"),
        (-1, "0 sec", "0 秒"),
        (4.23, "4.2 sec", "4.2 秒"),
        (9.96, "10 sec", "10 秒"),
        (59.7, "1 min", "1 分钟"),
        (75, "1 min 15 sec", "1 分钟 15 秒"),
        (480, "8 min", "8 分钟"),
        (3599, "1 hr", "1 小时"),
        (7500, "2 hr 5 min", "2 小时 5 分钟"),
        (90_000, "1 day 1 hr", "1 天 1 小时"),
    ],
)
def test_durations_are_short(seconds: float, english: str, chinese: str) -> None:
    assert (EN.duration(seconds), ZH.duration(seconds)) == (english, chinese)


def test_an_estimated_duration_is_no_more_exact_than_it_can_be() -> None:
    assert (EN.duration(475, about=True), ZH.duration(475, about=True)) == ("about 8 min", "约 8 分钟")


def test_sizes_moments_and_ages() -> None:
    moment = datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)

    assert [EN.bytes(n) for n in (999, 1_500, 3_200_000, 1_500_000_000)] == ["999 B", "1.5 kB", "3.2 MB", "1.5 GB"]
    assert ZH.datetime(moment, ZoneInfo("Asia/Shanghai")) == "2026年11月21日 18:00:05"
    assert "10:00:05" in EN.datetime(moment, UTC)
    assert (EN.ago(3), ZH.ago(200)) == ("3 seconds ago", "3分钟前")


@pytest.mark.parametrize(
    ("setting", "accept", "language"),
    [
        ("zh", "en", "zh"),
        ("en", "zh-CN", "en"),
        ("auto", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("auto", "fr-FR, en;q=0.4, zh-TW;q=0.8", "zh"),
        ("auto", "zh;q=0, en;q=0.1", "en"),
        ("auto", "zh_CN.UTF-8", "zh"),
        ("auto", "C", "en"),
        ("auto", "de", "en"),
        ("auto", ";q=x,,", "en"),
        ("auto", "", "en"),
        ("auto", None, "en"),
    ],
)
def test_the_language_follows_the_setting_else_the_browser(setting: str, accept: str | None, language: str) -> None:
    assert choose_language(setting, accept) == language
