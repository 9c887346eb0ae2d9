"""What each process of the web server runs: the application, with its logs and an eye on the process above it."""

from multiprocessing import parent_process

from starlette.applications import Starlette

from server.app import create_app as create_the_app
from server.garbage import look_for_garbage_less_often
from server.logs import configure_logs
from server.parent_watch import watch_parent
from server.processes import STOP_SECONDS_MAX


def create_app() -> Starlette:
    """The application, made once in each process."""
    configure_logs(says_what_holds_for_all=parent_process() is None)
    watch_parent(STOP_SECONDS_MAX)
    application = create_the_app()
    look_for_garbage_less_often()
    return application
