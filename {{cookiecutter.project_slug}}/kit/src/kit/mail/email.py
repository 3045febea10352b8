"""The class that every e-mail derives from."""

from string import Formatter
from typing import Any, ClassVar, Self

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, EmailStr, field_validator

from kit.mail.attachments import LIMIT, Attachment, too_large

SHARED = ("project_name", "base_url")
"""What the subject and both templates know besides the fields; `rendering` fills it in."""


class Email(BaseModel):
    """One e-mail to one person: its typed data, its subject, the name of its two templates.

        class InvoiceEmail(Email):
            template = "invoice"
            subject = "Your invoice from {project_name}"

            amount: str

        await send(InvoiceEmail(to=user.email, amount="12 €"))

    Missing or wrong data raises `ValidationError` where the e-mail is made, and leaves no gap in
    the e-mail that is sent. The subject may name fields in braces, as `str.format` does.

    It has one recipient, so that a refused address concerns no other recipient: mail several
    people by as many jobs.
    """

    # Built when first made: ten e-mails would take as long to import as all tables do.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    template: ClassVar[str]
    """`emails/<template>.html` and `.txt` in the `templates` folder of any slice."""
    subject: ClassVar[str]
    reply_to: ClassVar[str | None] = None
    """Where answers go, if not to MAIL_REPLY_TO: an address, or `Name <address>`."""

    to: EmailStr
    attachments: tuple[Attachment, ...] = ()

    @classmethod
    def sample(cls) -> Self:
        """The e-mail with data made up for previews and tests."""
        raise NotImplementedError(f"{cls.__name__}.sample() gives the previews their data")

    @field_validator("attachments")
    @classmethod
    def _that_servers_take(cls, attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
        if (size := sum(len(attachment.content) for attachment in attachments)) > LIMIT:
            raise ValueError(too_large(size))
        return attachments

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:  # as pydantic declares it
        """Refuse an incomplete class at its definition, not at its first send."""
        if missing := {"template", "subject"} - set(dir(cls)):
            raise TypeError(f"{cls.__name__} has no {' and no '.join(sorted(missing))}")
        for _, name, _, _ in Formatter().parse(cls.subject):
            if name is not None and name not in {*cls.model_fields, *SHARED}:
                raise TypeError(f"{cls.__name__}.subject names {{{name}}}, which is no field of it")
        if cls.reply_to:
            try:
                validate_email(cls.reply_to, allow_display_name=True, check_deliverability=False)
            except EmailNotValidError as error:
                raise TypeError(f"{cls.__name__}.reply_to: {error}") from None
