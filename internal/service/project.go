package service

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/protocol"
)

// isProjectName reports whether a project or branch may have this name.
func isProjectName(name string) bool {
	return name != "" && len(name) <= 128 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// Project works out what @project makes of a run; nil without one. Invalid if what it says is
// wrong, Usage if what the options say is.
func Project(def *graph.Flow, o RunOptions) (*protocol.Project, error) {
	i := slices.IndexFunc(def.Decorators, func(d graph.Decorator) bool { return d.Name == "project" })
	if i < 0 {
		if o.Branch != "" || o.Production {
			return nil, fault.New(fault.Usage, "--branch and --production belong to @project, which this flow does not have")
		}
		return nil, nil
	}
	var name, branch string
	var production bool
	at := def.Decorators[i].Attributes
	json.Unmarshal(at["name"], &name)
	json.Unmarshal(at["branch"], &branch)
	json.Unmarshal(at["production"], &production)
	if !isProjectName(name) {
		return nil, fault.New(fault.Invalid, "@project needs a name of at most 128 characters a-z, 0-9 and _, not %q", name).On(def.File)
	}
	if branch != "" && o.Branch != "" && branch != o.Branch {
		return nil, fault.New(fault.Usage, "the branch is %q in @project and %q on the command line", branch, o.Branch).Do("give it in only one of the two")
	}
	if o.Branch != "" {
		branch = o.Branch
	}
	production = production || o.Production
	if branch != "" && !isProjectName(branch) {
		return nil, fault.New(fault.Usage, "the branch %q is not allowed: it can have at most 128 characters a-z, 0-9 and _", branch)
	}
	p := &protocol.Project{Name: name, Production: production}
	switch {
	case production && branch != "":
		p.Branch = "prod." + branch
	case production:
		p.Branch = "prod"
	case branch != "":
		p.Branch = "test." + branch
	default:
		p.Branch, p.UserBranch = "user."+cmp.Or(o.Owner, o.User), true
	}
	p.FlowName = name + "." + p.Branch + "." + def.Name
	return p, nil
}
