"""mailbox:// keeps messages in var/mail, where /dev/mailbox shows them."""

from urllib.parse import SplitResult

from kit.mail.transports import refuse_more
from kit.mail.transports.file import Folder
from kit.settings import VAR


def transport(url: SplitResult) -> Folder:
    refuse_more(url)
    return Folder(VAR / "mail")
