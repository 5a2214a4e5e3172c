package remote

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// tellsUsers says that the system tells of connections whose they are.
const tellsUsers = true

// userOf returns whose process is at the far end of a connection.
func userOf(c net.Conn) (uid int, ok bool) {
	far, ok1 := endpoint(c.RemoteAddr())
	near, ok2 := endpoint(c.LocalAddr())
	for _, table := range tables {
		if uid, found, _ := ownerOf(table, far, near); ok1 && ok2 && found {
			return uid, true
		}
	}
	return 0, false
}

// tables are the kernel's lists of sockets. In the latter are such as ::ffff:127.0.0.1, too.
var tables = []string{"/proc/net/tcp", "/proc/net/tcp6"}

// peerOf asks the kernel, which lists whose each socket of this machine is.
func peerOf(c net.Conn) peer {
	far, ok1 := endpoint(c.RemoteAddr())
	near, ok2 := endpoint(c.LocalAddr())
	if !ok1 || !ok2 {
		return stranger
	}
	lists := false // some systems have the tables, with nothing in them
	for _, table := range tables {
		uid, found, serving := ownerOf(table, far, near)
		switch lists = lists || serving; {
		case found && (uid == 0 || uid == os.Geteuid()):
			return own
		case found:
			return stranger
		}
	}
	if lists && far.Addr().IsLoopback() {
		return gone
	}
	return stranger
}

func endpoint(a net.Addr) (netip.AddrPort, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	p := tcp.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port()), true
}

// The states of sockets, as the tables have them. Of one that is being closed nobody is the
// owner any more, which is written as 0, root.
const (
	established = "01"
	listening   = "0A"
)

// ownerOf looks in a table of the kernel's for a socket by the addresses of its connection,
// and whether the remote one is served here.
func ownerOf(table string, local, remote netip.AddrPort) (uid int, found, serving bool) {
	f, err := os.Open(table)
	if err != nil {
		return 0, false, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// sl, local address, remote address, state, queues, timer, retransmits, uid
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 {
			continue
		}
		switch fields[3] {
		case listening:
			serving = serving || listed(fields[1]).Port() == remote.Port()
		case established:
			if listed(fields[1]) == local && listed(fields[2]) == remote {
				uid, err := strconv.Atoi(fields[7])
				return uid, err == nil, serving
			}
		}
	}
	return 0, false, serving
}

// listed reads an address as the tables have them: words of 32 bits in the machine's order of bytes, and the port.
func listed(text string) netip.AddrPort {
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	n, bad := strconv.ParseUint(port, 16, 16)
	if err != nil || bad != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}
	}
	bytes := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i += 4 {
		bytes = binary.NativeEndian.AppendUint32(bytes, binary.BigEndian.Uint32(raw[i:]))
	}
	a, _ := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(a.Unmap(), uint16(n))
}
