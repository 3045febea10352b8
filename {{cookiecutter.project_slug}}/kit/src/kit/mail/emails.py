"""The one e-mail that belongs to no feature."""

from typing import Self

from kit.mail.email import Email


class DeliveryTestEmail(Email):
    """What manage sendtestemail sends."""

    template = "delivery_test"
    subject = "E-mail from {project_name} works"

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ann@example.com")
