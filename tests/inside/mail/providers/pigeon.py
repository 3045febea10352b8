"""A provider with an HTTP API, made up: `MAIL_URL=pigeon://key@host`."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote

from httpx2 import AsyncClient, MockTransport, Request, Response
from kit.mail.errors import PermanentMailError, TemporaryMailError
from kit.mail.message import Message


def transport(url: SplitResult) -> "Pigeon":
    if not url.hostname:
        raise ValueError("pigeon:// needs a host, as in pigeon://key@api.example.com")
    return Pigeon(host=url.hostname, key=unquote(url.username or ""))


@dataclass(frozen=True)
class Pigeon:
    host: str
    key: str = field(repr=False)

    async def send(self, message: Message) -> str:
        letter = {
            "id": message.message_id,
            "from": str(message.sender),
            "to": message.to,
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
        }
        async with AsyncClient(transport=MockTransport(_answer), timeout=10) as client:
            response = await client.post(
                f"https://{self.host}/send",
                json=letter,
                headers={"Authorization": f"Bearer {self.key}"},
            )
        if response.status_code == 422:
            raise PermanentMailError(f"422 {response.text}")
        if response.is_error:
            raise TemporaryMailError(f"{response.status_code} {response.text}")
        return f"{response.status_code} {response.text}"


def _answer(request: Request) -> Response:
    """The provider's end of the line."""
    assert request.headers["Authorization"] == "Bearer hunter2"
    return Response(202, text="pigeon 1 left")
