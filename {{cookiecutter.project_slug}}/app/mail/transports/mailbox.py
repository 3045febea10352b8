"""mailbox:// keeps messages in var/mail, where /dev/mailbox shows them."""

from urllib.parse import SplitResult

from app.mail.transports import refuse_more
from app.mail.transports.file import Folder
from app.settings import VAR


def transport(url: SplitResult) -> Folder:
    refuse_more(url)
    return Folder(VAR / "mail")
