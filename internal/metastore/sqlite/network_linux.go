package sqlite

import "syscall"

// networks are the file systems that other machines may have mounted as well, by their numbers in statfs(2). FUSE is
// among them since most of what it is used for is (sshfs, GlusterFS, JuiceFS, object stores), and so is 9P, with which
// virtual machines see folders of their host.
var networks = map[uint32]bool{
	0x6969:     true, // NFS
	0x517b:     true, // SMB
	0xfe534d42: true, // SMB 2 and 3
	0xff534d42: true, // CIFS
	0x0bd00bd0: true, // Lustre
	0x47504653: true, // GPFS
	0x19830326: true, // BeeGFS
	0xaad7aaea: true, // PanFS
	0x00c36400: true, // Ceph
	0x20030528: true, // OrangeFS
	0x5346414f: true, // AFS
	0x6b414653: true, // AFS of the kernel
	0x73757245: true, // Coda
	0x01161970: true, // GFS2
	0x7461636f: true, // OCFS2
	0x786f4256: true, // shared folders of VirtualBox
	0xbacbacbc: true, // shared folders of VMware
	0x01021997: true, // 9P
	0x65735546: true, // FUSE, virtiofs
}

// isNetwork reports whether a file system is one that other machines may have mounted as well.
func isNetwork(st *syscall.Statfs_t) bool { return networks[uint32(st.Type)] }
