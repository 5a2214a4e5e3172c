package service

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/worker"
)

// missingPatience is how long Python may take to look for modules.
const missingPatience = 10 * time.Second

// findMissing prints the first module that a file needs to be imported and that this interpreter does not have. It
// looks at the statements of the file, and of the files of its folder that it imports, and runs none of them. What
// stands inside of an "if" or a "try" may be meant to be missing.
const findMissing = `
import ast, os, sys
from importlib.util import find_spec

file, sdk = sys.argv[1:]
folder = os.path.dirname(file)
sys.path[0] = folder
sys.path.insert(1, sdk)
seen = set()

def look(file):
    with open(file, "rb") as source:
        statements = ast.parse(source.read()).body
    for statement in statements:
        if isinstance(statement, ast.Import):
            modules = [name.name for name in statement.names]
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            modules = [statement.module]
        else:
            continue
        for module in modules:
            name = module.partition(".")[0]
            if name in seen:
                continue
            seen.add(name)
            spec = find_spec(name)
            if spec is None:
                print(name)
                sys.exit()
            if spec.origin and spec.origin.endswith(".py") and os.path.dirname(spec.origin) in (folder, os.path.join(folder, name)):
                look(spec.origin)

look(file)
`

// orMissing adds to the error of a flow that could not be imported which module its
// interpreter does not have, if that is so.
func orMissing(ctx context.Context, err error, spec worker.Spec) error {
	var e *fault.Error
	var broken *worker.BrokenFlow
	if spec.Program != "" || errors.As(err, &broken) || !errors.As(err, &e) || e.Kind != fault.UserCode || e.Hint != "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, missingPatience)
	defer cancel()
	out, failed := exec.CommandContext(ctx, spec.Python, "-c", findMissing, spec.File, spec.SDK).Output()
	name := strings.TrimSpace(string(out))
	if failed != nil || name == "" {
		return err
	}
	return e.Do("%s has no module '%s': install it there, or name another interpreter with --python or LEVADA_PYTHON", spec.Python, name)
}
