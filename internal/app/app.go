// Package app wires the program together. It passes the environment variables on to the command line and the stores;
// packages that start processes, or configure Go's own runtime, read the process's variables themselves.
package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/cli"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/interp"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/local"
	"github.com/levadahq/levada/internal/metaflowapi"
	"github.com/levadahq/levada/internal/remote"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/tracing"
	"github.com/levadahq/levada/internal/upkeep"
	"github.com/levadahq/levada/internal/usage"
	"github.com/levadahq/levada/python"
)

// version is set by the release build with -ldflags; otherwise it comes from the module.
var version = ""

// Version is the binary's version: "0.1.0", or "0.1.0-dev" with the commit where it is known.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "0.1.0-dev+" + s.Value[:12]
			}
		}
	}
	return "0.1.0-dev"
}

// Main is the program: it runs a command line and returns the exit code.
func Main(args []string) int {
	dir, gone := os.Getwd()
	if gone != nil {
		// What names its store needs no current folder; paths that are relative to what it was called are not found.
		if dir = os.Getenv("PWD"); !filepath.IsAbs(dir) {
			os.Stderr.WriteString("levada: the current folder cannot be read: " + gone.Error() + "\n")
			return 1
		}
	}
	defer profile(os.Getenv("LEVADA_CPUPROFILE"))()
	defer leave()
	signals := make(chan os.Signal, 2)
	asked := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	if os.Getenv("LEVADA_DEBUG") == "" {
		asked = append(asked, syscall.SIGQUIT) // else Go prints the stacks of what goes on
	}
	for _, sig := range asked {
		if !signal.Ignored(sig) { // as nohup, and shells for what they run in the background, ask for
			signal.Notify(signals, sig)
		}
	}
	// Whoever reads our output may go away; a run goes on without. Asking for the signal turns it into
	// an error of the write, and, unlike ignoring it, is not inherited by what we start.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	a := &app{dir: dir, gone: gone, environ: os.Environ()}
	defer a.sdkBegun()
	return cli.Main(context.Background(), cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: a.environ, Dir: dir, Now: time.Now,
		After:   func(d time.Duration, f func()) (stop func() bool) { return time.AfterFunc(d, f).Stop },
		Version: Version(), Signals: signals, User: userName(), Open: a.open, Browse: browse,
		Terminal: cli.Terminal{
			Stdout: term.IsTerminal(int(os.Stdout.Fd())), Stderr: term.IsTerminal(int(os.Stderr.Fd())),
			Size: func() (int, int) {
				w, h, err := term.GetSize(int(os.Stdout.Fd()))
				if err != nil {
					return 80, 24
				}
				return w, h
			},
		},
	}, args)
}

// browse shows a file or a URL in the browser: the command of BROWSER, else the system's.
func browse(what string) error {
	command := os.Getenv("BROWSER")
	if command == "" {
		command = "xdg-open"
		if runtime.GOOS == "darwin" {
			command = "open"
		}
	}
	return exec.Command(command, what).Run()
}

// profile writes a CPU profile of the whole command to a file, for whoever works on Levada's speed.
func profile(path string) (stop func()) {
	if path == "" {
		return func() {}
	}
	f, err := os.Create(path)
	if err != nil {
		return func() {}
	}
	if pprof.StartCPUProfile(f) != nil {
		return func() { f.Close() }
	}
	return func() { pprof.StopCPUProfile(); f.Close() }
}

type app struct {
	dir     string
	gone    error // why the current folder cannot be read; nil if it can
	environ []string
	begun   chan unpacked // of the SDK, for a flow that is about to be opened; nil if there is none
}

// access is what commands want of the store, as package local has it.
var access = map[cli.Need]local.Access{cli.ExistingStore: local.Read, cli.ChangeStore: local.Change, cli.CreateStore: local.Create}

// open opens the service on the store that a command needs.
func (a *app) open(ctx context.Context, where cli.Home) (cli.Store, error) {
	if where.Flow != "" {
		if err := service.CheckFlow(a.dir, where.Flow); err != nil {
			return cli.Store{}, err
		}
		a.beginSDK() // while the store is opened
	}
	if where.Need == cli.NoStore {
		c := a.complete(local.Machine(a.dir))
		c.Interpreter = a.interpreter
		c.Environment = upkeep.Environment{SDK: a.examineSDK, RestoreSDK: func() error { return restoreSDK(python.Files, a.cache()) }}
		return cli.Store{Service: service.New(c), Close: func() error { return nil }}, nil
	}
	if where.Server != "" {
		return a.dial(ctx, where)
	}
	if a.gone != nil && !filepath.IsAbs(where.Path) {
		return cli.Store{}, fault.New(fault.Unavailable, "the current folder cannot be read").Because(a.gone).
			Do("Change to a folder that exists, or set LEVADA_HOME to the full path of the store.")
	}
	store, err := local.Open(ctx, local.Where{Dir: where.Dir, Path: where.Path, Access: access[where.Need]})
	if err != nil {
		return cli.Store{}, err
	}
	c := a.complete(store.Config)
	if dir := os.Getenv("LEVADA_CGROUP"); dir != "" && where.Need == cli.CreateStore {
		if c.Cgroups, err = usage.OpenCgroups(dir); err != nil {
			store.Close()
			return cli.Store{}, err
		}
	}
	cases := service.New(c)
	opened := cli.Store{
		Service: cases, Path: c.Home, Created: store.Created, Gone: store.Gone(), Present: store.Present, Close: store.Close,
		API: api.New(api.Config{Cases: cases, Store: c.Store, Data: c.Data, Home: c.Home, Version: c.Version}),
	}
	opened.Records = func(log *slog.Logger) http.Handler {
		c.Data.Sweep(ctx) // what a server left that was killed
		return remote.New(remote.Config{
			Store: c.Store, Bucket: store.Bucket, Data: c.Data, Upkeep: cases.Keeping(), Home: c.Home, Present: store.Present, Version: c.Version, Now: time.Now, Log: log,
		})
	}
	if guests, ok := c.Store.(metaflowapi.Store); ok {
		opened.Metaflow = func() http.Handler {
			return metaflowapi.New(metaflowapi.Config{Store: guests, Data: c.Data, API: opened.API, Now: time.Now})
		}
	}
	return opened, nil
}

// dial opens the service on the store of a server.
func (a *app) dial(ctx context.Context, where cli.Home) (cli.Store, error) {
	if where.Path != "" {
		return cli.Store{}, fault.New(fault.Usage, "--datastore-root and --server name two stores").Do("leave out one of them")
	}
	o := remote.Options{Cache: filepath.Join(a.cache(), "server"), Tell: where.Tell}
	if err := a.patience(&o); err != nil {
		return cli.Store{}, err
	}
	c := a.complete(local.Machine(a.dir))
	o.Host = c.Host
	server, err := remote.Dial(ctx, where.Server, o)
	if err != nil {
		return cli.Store{}, err
	}
	if dir := os.Getenv("LEVADA_CGROUP"); dir != "" && where.Need == cli.CreateStore {
		if c.Cgroups, err = usage.OpenCgroups(dir); err != nil {
			server.Store.Close()
			return cli.Store{}, err
		}
	}
	window := server.Window()
	c.Home, c.Name, c.Look, c.Upkeep, c.Patience = server.Home(), server.URL(), window.Look, server, server.Patience()
	c.Store, c.Data = server.Store, datastore.New(server.Store, server.Bucket, layout.StagingOf(c.Home))
	cases := service.New(c)
	return cli.Store{
		Service: cases, Path: c.Name, Remote: true, Gone: func() bool { return false },
		Close: func() error { window.Close(); return server.Store.Close() },
		API:   api.New(api.Config{Cases: cases, Store: c.Store, Data: c.Data, Home: c.Name, Version: c.Version}),
	}, nil
}

// patience reads how long to wait for a server, and how much to keep of it.
func (a *app) patience(o *remote.Options) error {
	if text := os.Getenv("LEVADA_SERVER_PATIENCE"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return fault.New(fault.Usage, "LEVADA_SERVER_PATIENCE is %q, which is not a duration", text).Do("write it as 90s, 15m or 2h")
		}
		o.Patience = d
	}
	if text := os.Getenv("LEVADA_SERVER_CACHE_MB"); text != "" {
		n, err := strconv.ParseInt(text, 10, 40)
		if err != nil || n <= 0 {
			return fault.New(fault.Usage, "LEVADA_SERVER_CACHE_MB is %q, which is not a number of megabytes", text)
		}
		o.CacheSize = n << 20
	}
	return nil
}

// complete adds to a service what running flows needs.
func (a *app) complete(c service.Config) service.Config {
	c.Python, c.SDK, c.Machine, c.Version, c.Dir = a.python, a.sdk, usage.Machine(a.environ), Version(), a.dir
	c.Cache = func() (string, error) { return a.cache(), nil }
	c.Tracing = tracing.FromEnviron(a.environ, c.Version, c.Host)
	c.Environments, c.Environ = filepath.Join(a.cache(), "environments"), a.environ
	return c
}

// python finds the interpreter.
func (a *app) python(ctx context.Context, asked string) (string, error) {
	p, err := a.interpreter(ctx, asked)
	return p.Path, err
}

func (a *app) interpreter(ctx context.Context, asked string) (interp.Interpreter, error) {
	return interp.Find(ctx, interp.Query{Explicit: asked, Env: a.environ, Dir: a.dir, CacheDir: filepath.Join(a.cache(), "interp")})
}

// unpacked is where the SDK is.
type unpacked struct {
	dir string
	err error
}

// beginSDK begins to make the SDK ready: to see whether all of it is there takes some milliseconds.
func (a *app) beginSDK() {
	if a.begun != nil { // for a flow that was not opened after all
		return
	}
	begun := make(chan unpacked, 1)
	a.begun = begun
	go func() {
		dir, err := unpackSDK(python.Files, a.cache())
		begun <- unpacked{dir, err}
	}()
}

func (a *app) sdk() (string, error) {
	if got, ok := a.sdkBegun(); ok {
		return got.dir, got.err
	}
	return unpackSDK(python.Files, a.cache())
}

// sdkBegun waits for what beginSDK has begun, if it did. The program must not end before: each time, half of the SDK
// would stay in the cache.
func (a *app) sdkBegun() (got unpacked, ok bool) {
	if a.begun == nil {
		return got, false
	}
	got = <-a.begun
	a.begun = nil
	return got, true
}

// examineSDK unpacks the SDK if need be and returns its files that are not as they should be.
func (a *app) examineSDK() (string, []string, error) {
	dir, err := a.sdk()
	if err != nil {
		return "", nil, err
	}
	damaged, err := damagedSDK(python.Files, dir)
	return dir, damaged, err
}

// cache is the user's cache folder for Levada. Where a container is run as any user, his home is often one that he
// cannot write to, such as /.
func (a *app) cache() string {
	if dir := os.Getenv("LEVADA_CACHE"); dir != "" {
		return dir
	}
	if dir := interp.DefaultCacheDir(a.environ); dir != "" && cachesIn(filepath.Dir(dir)) {
		return filepath.Dir(dir)
	}
	return temporary()
}

// cachesIn reports whether a folder can be the cache: it can be written to, or made, or it has the SDK already, as in
// an image for other users than the one who built it.
func cachesIn(dir string) bool {
	if writable(dir) {
		return true
	}
	sdk, err := sdkFolder(python.Files, dir)
	return err == nil && whole(python.Files, sdk)
}

// writable reports whether a folder can be written to, or be made.
func writable(dir string) bool {
	for {
		err := unix.Access(dir, unix.W_OK|unix.X_OK)
		parent := filepath.Dir(dir)
		if parent == dir || !errors.Is(err, fs.ErrNotExist) {
			return err == nil
		}
		dir = parent
	}
}

// temporary is the cache of a user without a home.
var temporary = sync.OnceValue(func() string {
	dir, own := cacheIn(os.TempDir(), "levada-"+strconv.Itoa(os.Getuid()))
	if own {
		passing.Store(&dir)
	}
	return dir
})

// passing is the cache that was made for this command alone, nil if there is none.
var passing atomic.Pointer[string]

// leave removes it. What the command started has ended; what it left running does without, or has a cache of its own.
func leave() {
	if dir := passing.Load(); dir != nil {
		os.RemoveAll(*dir)
	}
}

// cacheIn chooses a cache in a folder where others can make folders too. Python is going to run what lies
// in it, so the usual one is only used if nobody else can have put it there; else it is one for this
// command alone, its own, which goes with it.
func cacheIn(parent, name string) (dir string, own bool) {
	dir = filepath.Join(parent, name)
	os.Mkdir(dir, 0o700)
	st, err := os.Lstat(dir)
	if err == nil && st.IsDir() && st.Mode().Perm()&0o022 == 0 {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) == os.Getuid() {
			return dir, false
		}
	}
	if dir, err = os.MkdirTemp(parent, "levada-"); err != nil {
		return filepath.Join(os.DevNull, name), false // unpacking the SDK tells what to do
	}
	return dir, true
}

// userName is the name of the operating system's user.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
