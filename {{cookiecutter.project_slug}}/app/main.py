"""The application. What the folders of `app` bring is found by the names of their files."""

from kit.application import create_app

from app.accounts.dependencies import current_user_id, superuser
from app.settings import settings

app = create_app(
    settings=settings,
    operator=superuser,  # who may open /admin
    user_id=current_user_id,  # whose jobs /api/v1/jobs/{id} shows
)
