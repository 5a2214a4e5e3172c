"""The code that was kept with a run."""

from io import BytesIO

from ..standard import TYPE_CHECKING, library
from .objects import number

if TYPE_CHECKING:
    from tarfile import TarFile
    from tempfile import TemporaryDirectory


class MetaflowCode:
    """The files of the flow's folder, as they were when a run started."""

    def __init__(self, run):
        record = run._record
        self._run = run
        self._described = run._store.ask("code", run=number(run.id))
        self._archive = None
        #: Where it is kept: the hash of the package.
        self.path = "%s:%s" % (run._store.describe(), self._described["hash"])
        #: What is known of it.
        self.info = {
            "flow_name": record["flow"],
            "script": self._described["script"],
            "size": self._described["size"],
            "python_version": record["runtime"],
            "levada_version": record["levada"],
            "git_commit": record.get("git_commit", ""),
            "git_dirty": record.get("git_dirty", False),
        }

    @property
    def script_name(self) -> str:
        """The name of the flow's file."""
        return self._described["script"]

    @property
    def tarball(self) -> "TarFile":
        """The files as a ``tarfile.TarFile``, opened anew each time."""
        import tarfile

        if self._archive is None:
            self._archive = self._run._store.fetch("open_code", run=number(self._run.id))[1]
        return tarfile.open(fileobj=BytesIO(self._archive), mode="r:")

    @property
    def flowspec(self) -> str:
        """The text of the flow's file."""
        with self.tarball as archive:
            return archive.extractfile(self.script_name).read().decode()

    def extract(self) -> "TemporaryDirectory[str]":
        """The files in a new ``tempfile.TemporaryDirectory``; its ``name`` is the folder."""
        with library():
            from tempfile import TemporaryDirectory

        folder = TemporaryDirectory(prefix="levada-code-")
        with self.tarball as archive:
            # Older Pythons have no filters; the program lets only files below the folder into a package.
            safe = {"filter": "data"} if hasattr(__import__("tarfile"), "data_filter") else {}
            archive.extractall(folder.name, **safe)
        return folder

    def __str__(self):
        return "<MetaflowCode: %s>" % self.script_name

    __repr__ = __str__
