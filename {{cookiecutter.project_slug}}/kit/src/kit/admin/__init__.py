"""What an operator looks at: jobs and e-mails at /admin, `/metrics`, the digest of failures.

An `admin.py` of `app` adds a page. `create_app` lets only operators in:

    title = "Orders"  # its name in the menu
    router = APIRouter(prefix="/admin/orders", include_in_schema=False)

    async def figures(db: AsyncSession) -> list[Figure]: ...  # for the overview; may be left out

    @router.get("")
    async def show_orders(request: Request, db: SessionDep) -> Response:
        return admin_page(request, "orders/admin.html", orders=await service.newest(db))
"""

from kit.admin import api, job_pages, mail_pages, pages
from kit.admin import metrics_api as _metrics
from kit.admin.emails import FailedJobsDigestEmail
from kit.admin.rendering import admin_page
from kit.admin.schemas import SearchText
from kit.admin.service import Figure, failures

__all__ = [
    "FailedJobsDigestEmail",
    "Figure",
    "SearchText",
    "admin_page",
    "failures",
]

routers = (pages.router, job_pages.router, mail_pages.router)
jobs_api = api.router
metrics_api = _metrics.router
