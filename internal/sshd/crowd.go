package sshd

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// crowd counts connections, so that no client keeps the others out: all, those of a user, and those that have not proved
// yet who they are, which cost a key exchange each, also by where they come from.
type crowd struct {
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	all     int
	pending int
	waiting map[netip.Prefix]int // pending, by network
	users   map[string]int       // connections
	running map[string]int       // commands, by user
	recent  map[netip.Prefix]int // since window
	window  time.Time
}

func newCrowd(l Limits) *crowd {
	return &crowd{limits: l, now: time.Now, waiting: map[netip.Prefix]int{}, users: map[string]int{}, running: map[string]int{}, recent: map[netip.Prefix]int{}}
}

// place is one connection's in the crowd.
type place struct {
	c       *crowd
	network netip.Prefix
	pending bool
	user    string
	left    bool
}

// network is whom an address is counted as: itself, or its /64 for IPv6.
func network(addr net.Addr) netip.Prefix {
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{}
	}
	a, bits := ap.Addr().Unmap().WithZone(""), 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // the number of bits fits
	return p
}

// enter lets a connection in that has not signed in, if there is room.
func (c *crowd) enter(addr net.Addr) (*place, bool) {
	n := network(addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.window) >= c.limits.RateTime {
		c.window = now
		clear(c.recent) // so memory is bounded by what connects within one window
	}
	c.recent[n]++
	if c.all >= c.limits.Conns || c.pending >= c.limits.Pending || c.waiting[n] >= c.limits.PerNetwork || c.recent[n] > c.limits.Rate {
		return nil, false
	}
	c.all++
	c.pending++
	c.waiting[n]++
	return &place{c: c, network: n, pending: true}, true
}

// signedIn makes room for others who wait to sign in. It is false when the user has too many connections.
func (p *place) signedIn(user string) bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.settle()
	if p.c.users[user] >= p.c.limits.PerUser {
		return false
	}
	p.user = user
	p.c.users[user]++
	return true
}

// settle ends the wait; the caller holds mu.
func (p *place) settle() {
	if !p.pending {
		return
	}
	p.pending = false
	p.c.pending--
	if p.c.waiting[p.network]--; p.c.waiting[p.network] == 0 {
		delete(p.c.waiting, p.network)
	}
}

// begin counts a command of the user who signed in, if there is room for it.
func (p *place) begin() bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.c.running[p.user] >= p.c.limits.PerUser {
		return false
	}
	p.c.running[p.user]++
	return true
}

func (p *place) end() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.c.running[p.user]--; p.c.running[p.user] == 0 {
		delete(p.c.running, p.user)
	}
}

func (p *place) leave() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	p.settle()
	p.c.all--
	if p.user == "" {
		return
	}
	if p.c.users[p.user]--; p.c.users[p.user] == 0 {
		delete(p.c.users, p.user)
	}
}
