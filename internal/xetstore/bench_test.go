package xetstore_test

import (
	"bytes"
	"io"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/xetstore"
	. "github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

func sqliteFS(t testing.TB) *Env { return New(t, dbtest.New(t, db.SQLite), blobtest.FS(t)) }

const benchSize = 256 << 20

// meter counts processor time, which other work on the machine changes less than the rate.
type meter struct {
	b     *testing.B
	spent time.Duration
	from  time.Duration
}

func (m *meter) start() { m.from = processTime() }
func (m *meter) stop()  { m.spent += processTime() - m.from }
func (m *meter) report() {
	m.b.ReportMetric(m.spent.Seconds()/float64(m.b.N)/benchSize*(1<<30), "cpu-s/GiB")
}

func processTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func kinds(b *testing.B, f func(b *testing.B, data []byte)) {
	b.Run("random", func(b *testing.B) { f(b, Random(1, benchSize)) })
	b.Run("floats", func(b *testing.B) { f(b, Floats(1, benchSize)) })
}

func BenchmarkPutXorb(b *testing.B) {
	kinds(b, func(b *testing.B, data []byte) {
		u := (&Client{}).Pack(b, data)
		b.SetBytes(benchSize)
		m := &meter{b: b}
		for range b.N {
			b.StopTimer()
			e := sqliteFS(b)
			seeded(b, e)
			b.StartTimer()
			m.start()
			putXorbs(b, e, alice, u)
			m.stop()
		}
		m.report()
	})
}

func BenchmarkPutShard(b *testing.B) {
	kinds(b, func(b *testing.B, data []byte) {
		u := (&Client{}).Pack(b, data)
		e := sqliteFS(b)
		seeded(b, e)
		putXorbs(b, e, alice, u)
		b.SetBytes(benchSize)
		m := &meter{b: b}
		for range b.N {
			b.StopTimer()
			if _, err := e.DB.Exec(ctx, "DELETE FROM xet_file"); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			m.start()
			if err := e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil); err != nil {
				b.Fatal(err)
			}
			m.stop()
		}
		m.report()
	})
}

// BenchmarkUpload is a whole upload: xorbs, four at once as clients send them, then their shard, whose SHA-256 is verified.
func BenchmarkUpload(b *testing.B) {
	kinds(b, func(b *testing.B, data []byte) {
		u := (&Client{MaxRaw: 16 << 20}).Pack(b, data)
		b.SetBytes(benchSize)
		m := &meter{b: b}
		for range b.N {
			b.StopTimer()
			e := sqliteFS(b)
			seeded(b, e)
			b.StartTimer()
			m.start()
			var g errgroup.Group
			g.SetLimit(4)
			for _, x := range u.Xorbs {
				g.Go(func() error {
					_, err := e.PutXorb(ctx, alice, x.Hash, bytes.NewReader(x.Body))
					return err
				})
			}
			err := g.Wait()
			if err == nil {
				err = e.PutShard(ctx, alice, bytes.NewReader(u.Bytes()), nil)
			}
			if err != nil {
				b.Fatal(err)
			}
			m.stop()
		}
		m.report()
	})
}

func BenchmarkWriteTo(b *testing.B) {
	kinds(b, func(b *testing.B, data []byte) {
		e := sqliteFS(b)
		seeded(b, e)
		put(b, e, alice, (&Client{}).Pack(b, data))
		f, _, err := e.FindFile(ctx, "secret", shaOf(data))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(benchSize)
		m := &meter{b: b}
		for range b.N {
			m.start()
			if err := e.WriteTo(ctx, io.Discard, f, 0, f.Size); err != nil {
				b.Fatal(err)
			}
			m.stop()
		}
		m.report()
	})
}

func BenchmarkIngest(b *testing.B) {
	kinds(b, func(b *testing.B, data []byte) {
		b.SetBytes(benchSize)
		m := &meter{b: b}
		for range b.N {
			b.StopTimer()
			e := sqliteFS(b)
			seeded(b, e)
			b.StartTimer()
			m.start()
			if _, err := e.Ingest(ctx, alice, bytes.NewReader(data), xetstore.Expect{Size: -1}); err != nil {
				b.Fatal(err)
			}
			m.stop()
		}
		m.report()
	})
}
