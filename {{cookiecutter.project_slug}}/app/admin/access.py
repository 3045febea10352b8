"""Who may see /admin: superusers (`manage createsuperuser`), and nobody else."""

from typing import Annotated, ClassVar

from fastapi import Depends

from app.accounts.models import User
from app.accounts.pages import SignedInUser
from app.errors import AppError


class NotAllowed(AppError):
    """The pages are in every copy of this project, so there is no use in hiding that they are."""

    status: ClassVar[int] = 403
    title: ClassVar[str] = "For administrators only"


async def superuser(user: SignedInUser) -> User:
    """Whoever is signed in, if they may do everything; raises NotAllowed.

    Who is not signed in is asked to do that first.
    """
    if not user.is_superuser:
        raise NotAllowed("Your account has no access to this page.")
    return user


Superuser = Annotated[User, Depends(superuser)]
