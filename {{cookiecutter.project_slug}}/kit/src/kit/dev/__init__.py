"""Looking at mail without sending any: `/dev/mailbox` and `/dev/emails`; absent in production."""

from kit.dev.pages import router

__all__ = ["router"]
