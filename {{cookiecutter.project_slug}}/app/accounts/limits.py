"""How often a password may be tried, and how often a stranger can have a mailbox written to."""

from collections.abc import Iterable
from datetime import timedelta

from kit import ratelimit
from kit.ratelimit import Limit

from app.accounts import known_devices
from app.accounts.models import LoginSession
from app.accounts.sessions import ClientInfo

# A class or an office registers from behind one address. Each registration costs a hash and a mail.
REGISTRATIONS_FROM_ONE_CLIENT = Limit("register-client", 300, per=timedelta(hours=1))
EMAIL_REQUESTS_FROM_ONE_CLIENT = Limit("email-request-client", 30, per=timedelta(hours=1))
# A common password tried on many accounts, and what its hashes cost us. An office is one client.
SIGN_INS_FROM_ONE_CLIENT = Limit("sign-in-client", 300, per=timedelta(hours=1))
# A person mistypes a few times; a guesser is left with 720 tries a day, and with less than a
# third of what an account allows to all clients together: alone they can't make its owner wait.
SIGN_INS_FROM_ONE_CLIENT_TO_ONE_ACCOUNT = (
    Limit("sign-in-minute", 10, per=timedelta(minutes=1)),
    Limit("sign-in-hour", 30, per=timedelta(hours=1)),
)
SIGN_INS_FROM_A_KNOWN_DEVICE = (
    Limit("sign-in-device-minute", 10, per=timedelta(minutes=1)),
    Limit("sign-in-device-hour", 30, per=timedelta(hours=1)),
)
CONFIRMATIONS_IN_ONE_SESSION = (
    Limit("confirmation-minute", 10, per=timedelta(minutes=1)),
    Limit("confirmation-hour", 30, per=timedelta(hours=1)),
)
# A guesser with many addresses is slowed down as well, at the price that the owner may have to
# wait on a new device for as long as that goes on, or reset the password.
SIGN_INS_TO_ONE_ACCOUNT = Limit("sign-in-account", 100, per=timedelta(hours=1))
# Above it the mailbox is spared, silently: the answer is the same for every address.
VERIFICATION_EMAILS = Limit("verification-email", 5, per=timedelta(hours=1))
RESET_PASSWORD_EMAILS = Limit("reset-password-email", 5, per=timedelta(hours=1))
EMAIL_CHANGE_EMAILS = Limit("email-change-email", 5, per=timedelta(hours=1))
# An account can have strangers' mailboxes written to; its owner is told when that is enough.
EMAIL_CHANGES_OF_ONE_ACCOUNT = Limit("email-change-account", 5, per=timedelta(hours=1))


async def check_registration(ip: str) -> None:
    """Count one registration from this address; raises TooManyAttempts."""
    await ratelimit.check(REGISTRATIONS_FROM_ONE_CLIENT, ratelimit.network(ip))


async def check_email_request(ip: str) -> None:
    """Count one request of a link from this address; raises TooManyAttempts."""
    await ratelimit.check(EMAIL_REQUESTS_FROM_ONE_CLIENT, ratelimit.network(ip))


async def check_sign_in(client: ClientInfo, email: str) -> None:
    """Count one try at the password of this address's account; raises TooManyAttempts.

    The client's limits come first: what they refuse takes nothing from the account's. A device
    that has signed in before has limits of its own, which no one else can use up.
    """
    network = ratelimit.network(client.ip)
    await ratelimit.check(SIGN_INS_FROM_ONE_CLIENT, network)
    if device := known_devices.device_of(client.device, email):
        await _check_all(SIGN_INS_FROM_A_KNOWN_DEVICE, device)
        return
    await _check_all(SIGN_INS_FROM_ONE_CLIENT_TO_ONE_ACCOUNT, network, email)
    await ratelimit.check(SIGN_INS_TO_ONE_ACCOUNT, email)


async def check_confirmation(login: LoginSession) -> None:
    """Count one try at the password by a device that is signed in; raises TooManyAttempts.

    Each session counts for itself: guesses of strangers at the sign-in don't keep owners from
    changing their password.
    """
    await _check_all(CONFIRMATIONS_IN_ONE_SESSION, str(login.id))


async def forget_sign_ins(client: ClientInfo, email: str) -> None:
    """Let the owner, who has just proved to read the address's mail, sign in at once."""
    network = ratelimit.network(client.ip)
    for limit in SIGN_INS_FROM_ONE_CLIENT_TO_ONE_ACCOUNT:
        await ratelimit.reset(limit, network, email)
    await ratelimit.reset(SIGN_INS_TO_ONE_ACCOUNT, email)


async def _check_all(limits: Iterable[Limit], *key: str) -> None:
    for limit in limits:
        await ratelimit.check(limit, *key)
