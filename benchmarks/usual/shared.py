"""What both patterns share: a table with one column, and a mail without any finery."""

import os
from email.message import EmailMessage
from urllib.parse import urlsplit

import aiosmtplib
import aiosqlite
from pydantic import BaseModel

SMTP = urlsplit(os.environ["MAIL_URL"])
DATABASE = os.environ["DATABASE_URL"].removeprefix("sqlite:///")


class Person(BaseModel):
    email: str
    password: str
    full_name: str = ""


async def save(person: Person) -> None:
    async with aiosqlite.connect(DATABASE, timeout=30) as database:
        await database.execute("CREATE TABLE IF NOT EXISTS people (email TEXT PRIMARY KEY)")
        await database.execute("INSERT INTO people VALUES (?)", (person.email,))
        await database.commit()


async def send_welcome(email: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", email, "Welcome"
    message.set_content("Welcome!")
    await aiosmtplib.send(message, hostname=SMTP.hostname, port=SMTP.port)
