//go:build unix

package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// becomeUser gives up the rights of root for those of a user and its groups,
// for good. An empty name changes nothing.
func becomeUser(name string) error {
	if name == "" {
		return nil
	}
	fail := func(reason any) error {
		return &exitError{code: exitRights, lines: []string{fmt.Sprintf("cannot become user %s: %v", quote(name), reason)}}
	}
	u, err := user.Lookup(name)
	if err != nil {
		return fail("no such user")
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err1 != nil || err2 != nil {
		return fail("its numbers are " + u.Uid + " and " + u.Gid)
	}
	groups := []int{gid}
	if ids, err := u.GroupIds(); err == nil {
		groups = groups[:0]
		for _, id := range ids {
			if n, err := strconv.Atoi(id); err == nil {
				groups = append(groups, n)
			}
		}
	}
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(groups) },
		func() error { return syscall.Setgid(gid) },
		func() error { return syscall.Setuid(uid) },
	} {
		if err := step(); err != nil {
			return fail(err)
		}
	}
	if uid != 0 && (syscall.Setuid(0) == nil || os.Geteuid() != uid) {
		return fail("the rights of root could be taken back")
	}
	return nil
}
