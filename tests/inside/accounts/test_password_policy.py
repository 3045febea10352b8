import pytest
from kit.passwords import WeakPassword, check_password
from kit.settings import settings


@pytest.fixture(autouse=True)
def project_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "project_name", "Acme Rockets")


def check(password: str) -> None:
    check_password(password, email="ada.byron@bigcorp.com", full_name="Ada Lovelace")


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password2026!",
        "P4ssw0rd-2026!",
        "p@$$w0rd2026",
        "$ecret123456",
        "p-a-s-s-w-o-r-d-1",
        "we1come12345",
        "monkey12345678",
        "iloveyou2026!!",
        "administrator",
        "qwertyuiop123",
        "asdfghjkl;1234",
        "1q2w3e4r5t6y",
        "abcdefghijkl",
        "zyxwvutsrqpo",
        "123456789012",
        "2026-11-21 12:00",
        "!@#$%^&*()_+",
        "aaaaaaaaaaab",
        "abcabcabcabc",
        "passwordpassword",
        "Winter2026!Winter2026!",
    ],
)
def test_common_passwords_are_refused_however_they_are_decorated(password: str) -> None:
    with pytest.raises(WeakPassword):
        check(password)


@pytest.mark.parametrize(
    "password",
    [
        "ada.byron@bigcorp.com",
        "AdaByron2026!",
        "byron-ada-1234",
        "BigCorp2026!!",
        "lovelace123456",
        "AdaLovelace!!!",
        "lovelaceada1234",
        "AcmeRockets2026",
        "rockets-2026-acme",
        "lovelace-password-1",
    ],
)
def test_what_a_guesser_knows_of_the_user_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "correcthorsebatterystaple",
        "my dog ate 3 red shoes",
        "Ada likes green tea in May",
        "lovelace kettle drum",
        "ein-langes-passwort-mit-sinn",
        "пароль сложный длинный",
        "v8Kq2!mZpR4w",
        "[S7af'E~T)y~q",
        "Kd93jf02ldkW" * 10,
    ],
)
def test_passphrases_and_random_passwords_pass(password: str) -> None:
    check(password)
