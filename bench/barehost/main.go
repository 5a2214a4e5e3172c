// Command barehost has a bare fork server start N processes, WORKERS at a time, and reads what each says: the least
// that a host in Go does which runs each task as a process of its own. It knows no flows and stores nothing.
//
// usage: barehost PYTHON SERVER N WORKERS
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "barehost:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: barehost PYTHON SERVER N WORKERS")
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	workers, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	control, server, err := start(args[0], args[1])
	if err != nil {
		return err
	}

	places := make(chan struct{}, workers)
	said := make(chan error, n)
	var wg sync.WaitGroup
	for number := range n {
		places <- struct{}{}
		streams, err := fork(control, uint32(number))
		if err != nil {
			return err
		}
		wg.Go(func() {
			said <- read(streams)
			<-places
			control.Write([]byte("gone"))
		})
	}
	wg.Wait()
	close(said)
	for err := range said {
		if err != nil {
			return err
		}
	}
	control.Close()
	return server.Wait()
}

// start starts the server and returns the host's end of its socket.
func start(python, script string) (*net.UnixConn, *exec.Cmd, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	syscall.CloseOnExec(fds[0]) // else the server would keep it, and never see it end
	near, far := os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control")
	defer near.Close()
	defer far.Close()
	cmd := exec.Command(python, script)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{far}, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	conn, err := net.FileConn(near)
	if err != nil {
		return nil, nil, err
	}
	return conn.(*net.UnixConn), cmd, nil
}

// fork asks for a process and returns the host's ends of its socket and its output.
func fork(control *net.UnixConn, number uint32) ([3]*os.File, error) {
	var near [3]*os.File
	var far []int
	defer func() {
		for _, fd := range far {
			syscall.Close(fd)
		}
	}()
	for i := range near {
		var pair [2]int
		var err error
		if i == 0 {
			pair, err = syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		} else {
			err = syscall.Pipe(pair[:])
		}
		if err == nil {
			err = syscall.SetNonblock(pair[0], true)
		}
		if err != nil {
			return near, err
		}
		near[i], far = os.NewFile(uintptr(pair[0]), "stream"), append(far, pair[1])
	}
	_, _, err := control.WriteMsgUnix(binary.LittleEndian.AppendUint32(nil, number), syscall.UnixRights(far...), nil)
	return near, err
}

// read reads all streams of a process to their end. The first is where it says its result.
func read(streams [3]*os.File) error {
	var buffer [512]byte
	for i, stream := range streams {
		size := 0
		for {
			n, err := stream.Read(buffer[:])
			size += n
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		stream.Close()
		if i == 0 && size == 0 {
			return fmt.Errorf("a process said nothing")
		}
	}
	return nil
}
