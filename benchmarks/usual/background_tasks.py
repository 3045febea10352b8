"""The usual pattern, first: commit, then FastAPI's BackgroundTasks sends the e-mail."""

from fastapi import BackgroundTasks, FastAPI

from usual.shared import Person, save, send_welcome

app = FastAPI()


@app.post("/api/v1/auth/register", status_code=202)
async def register(person: Person, background: BackgroundTasks) -> dict[str, str]:
    await save(person)
    background.add_task(send_welcome, person.email)
    return {"detail": "Welcome!"}
