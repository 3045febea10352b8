"""What the app does not do: a registration that sends its welcome e-mail before it answers.

The same checks, hash, rows, e-mail and transport as the app's own, without the job. It is
what the comparison "inside the request" runs against.
"""

from fastapi import FastAPI
from kit.database import SessionDep
from kit.mail import send
from kit.passwords import check_password, hash_password

from app.accounts import tokens
from app.accounts.emails import WelcomeEmail, verification_link
from app.accounts.models import User
from app.accounts.schemas import Message, Register
from app.accounts.tokens import Purpose

app = FastAPI()


@app.post("/api/v1/auth/register", status_code=202)
async def register(db: SessionDep, data: Register) -> Message:
    password = data.password.get_secret_value()
    check_password(password, email=data.email, full_name=data.full_name)
    password_hash = await hash_password(password)
    user = User(email=data.email, full_name=data.full_name, password_hash=password_hash)
    db.add(user)
    await db.flush()
    token = await tokens.issue(db, user, Purpose.VERIFY_EMAIL)
    await db.commit()
    await send(WelcomeEmail(to=user.email, link=verification_link(token)))
    return Message(detail="Please look into your mailbox: we have sent you a link to go on with.")
