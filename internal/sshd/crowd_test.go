package sshd

import (
	"net"
	"testing"
	"time"
)

func addr(s string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", s)
	if err != nil {
		panic(err)
	}
	return a
}

func TestCrowd(t *testing.T) {
	c := newCrowd(Limits{Conns: 6, PerUser: 2, Pending: 4, PerNetwork: 2, Rate: 100, RateTime: time.Second})
	enter := func(a string, want bool) *place {
		t.Helper()
		p, ok := c.enter(addr(a))
		if ok != want {
			t.Fatalf("%s: %v", a, ok)
		}
		return p
	}
	a1, a2 := enter("192.0.2.1:1", true), enter("192.0.2.1:2", true)
	enter("192.0.2.1:3", false) // two of one address wait
	b1 := enter("[2001:db8::1]:1", true)
	b2 := enter("[2001:db8::2:3]:1", true)
	enter("[2001:db8::9]:1", false) // the same /64
	enter("192.0.2.9:1", false)     // four wait in all
	if !a1.signedIn("alice") || !a2.signedIn("alice") {
		t.Fatal("two connections of one user")
	}
	a3 := enter("192.0.2.1:3", true) // those who signed in make room
	if a3.signedIn("alice") {
		t.Error("a third connection of one user")
	}
	a3.leave()
	b1.leave()
	b1.leave() // once
	a4 := enter("192.0.2.1:4", true)
	a1.leave()
	if !a4.signedIn("alice") {
		t.Error("a user has two connections again")
	}
	enter("192.0.2.4:1", true)
	enter("192.0.2.5:1", true)
	enter("192.0.2.6:1", true)
	enter("192.0.2.7:1", false) // six in all
	for _, p := range []*place{a2, a4, b2} {
		p.leave()
	}
	if c.all != 3 || c.pending != 3 || len(c.users) != 0 || len(c.waiting) != 3 {
		t.Errorf("%d, %d pending, users %v, networks %v", c.all, c.pending, c.users, c.waiting)
	}
}

func TestCrowdRate(t *testing.T) {
	c := newCrowd(Limits{}.withDefaults())
	now := time.Now()
	c.now = func() time.Time { return now }
	count := func(a string) (n int) {
		for range 1000 {
			if p, ok := c.enter(addr(a)); ok {
				p.leave()
				n++
			}
		}
		return n
	}
	if n := count("192.0.2.1:1"); n != 300 {
		t.Errorf("%d connections of one address at once", n)
	}
	if n := count("192.0.2.2:1"); n != 300 {
		t.Errorf("%d of another one", n)
	}
	now = now.Add(11 * time.Second)
	if n := count("192.0.2.1:1"); n != 300 {
		t.Errorf("%d later", n)
	}
}
