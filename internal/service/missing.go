package service

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/worker"
)

// missingPatience is how long Python may take to look for modules.
const missingPatience = 10 * time.Second

// findMissing prints the first module that a file needs to be imported and that this interpreter does not have, or an
// import of the file that only a module of a package can have. It looks at the statements of the file, and of the files
// of its folder that it imports, and runs none of them. What stands inside of an "if" or a "try" may be meant to be
// missing.
const findMissing = `
import ast, os, sys
from importlib.util import find_spec

file, sdk = sys.argv[1:]
folder = os.path.dirname(file)
sys.path[0] = folder
sys.path.insert(1, sdk)
seen = set()

def look(path):
    with open(path, "rb") as source:
        statements = ast.parse(source.read()).body
    for statement in statements:
        if isinstance(statement, ast.Import):
            modules = [name.name for name in statement.names]
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            modules = [statement.module]
        elif isinstance(statement, ast.ImportFrom) and path == file:
            print("line", statement.lineno)
            sys.exit()
        else:
            continue
        for module in modules:
            name = module.partition(".")[0]
            if name in seen:
                continue
            seen.add(name)
            spec = find_spec(name)
            if spec is None:
                print("module", name)
                sys.exit()
            if spec.origin and spec.origin.endswith(".py") and os.path.dirname(spec.origin) in (folder, os.path.join(folder, name)):
                look(spec.origin)

look(file)
`

// orMissing adds to the error of a flow that could not be imported which module its interpreter does not have, or which
// of its imports needs a package, if that is so.
func orMissing(ctx context.Context, err error, spec worker.Spec) error {
	var e *fault.Error
	var broken *worker.BrokenFlow
	if spec.Program != "" || errors.As(err, &broken) || !errors.As(err, &e) || e.Kind != fault.UserCode || e.Hint != "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, missingPatience)
	defer cancel()
	out, failed := exec.CommandContext(ctx, spec.Python, "-c", findMissing, spec.File, spec.SDK).Output()
	what, which, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	switch {
	case failed != nil || which == "" || what == "line" && spec.Module != "":
		return err
	case what == "line":
		return e.Do("the import in line %s begins with a dot, which only a module of a package can have: "+
			"run it as one, python -m PACKAGE.%s run, or write the import without the dot", which, strings.TrimSuffix(filepath.Base(spec.File), ".py"))
	}
	return e.Do("%s has no module '%s': install it there, or name another interpreter with --python or LEVADA_PYTHON", spec.Python, which)
}
